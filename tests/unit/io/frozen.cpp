#include "io/frozen.hpp"

#include <doctest/doctest.h>

using namespace nezuban;

TEST_CASE("who waits in the refrigerator is frozen, as a place and as a frame of a stack") {
    CHECK(waits_frozen("__refrigerator"));
    CHECK(waits_frozen("__refrigerator+0x4e"));
    CHECK(waits_frozen("do_freezer_trap"));
    CHECK_FALSE(waits_frozen("io_schedule"));
    CHECK_FALSE(waits_frozen(""));
}

TEST_CASE("the freezer's group is found among all groups of a process, whatever their names") {
    CHECK(freezer_group("10:cpuset:/a\n9:freezer:/docker/4f:1\n0::/b\n") == "/docker/4f:1");
    CHECK(freezer_group("9:freezer:/\n") == "/");
    CHECK(freezer_group("9:name=freezer:/x\n0::/freezer:/y\n").empty());
    CHECK(freezer_group("").empty());
    CHECK(freezer_group("garbage").empty());
}
