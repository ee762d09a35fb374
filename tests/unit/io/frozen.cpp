#include "io/frozen.hpp"

#include <doctest/doctest.h>

using namespace nezuban;

TEST_CASE("who waits in the refrigerator is frozen, and in D also who waits nobody says where") {
    CHECK(waits_frozen(ThreadState::uninterruptible, "__refrigerator"));
    CHECK(waits_frozen(ThreadState::sleeping, "do_freezer_trap"));
    CHECK(waits_frozen(ThreadState::uninterruptible, ""));
    CHECK_FALSE(waits_frozen(ThreadState::sleeping, ""));
    CHECK_FALSE(waits_frozen(ThreadState::uninterruptible, "io_schedule"));
}

TEST_CASE("the freezer's group is found among all groups of a process, whatever their names") {
    CHECK(freezer_group("10:cpuset:/a\n9:freezer:/docker/4f:1\n0::/b\n") == "/docker/4f:1");
    CHECK(freezer_group("9:freezer:/\n") == "/");
    CHECK(freezer_group("9:name=freezer:/x\n0::/freezer:/y\n").empty());
    CHECK(freezer_group("").empty());
    CHECK(freezer_group("garbage").empty());
}
