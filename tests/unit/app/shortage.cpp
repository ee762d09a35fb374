#include "app/shortage.hpp"

#include <doctest/doctest.h>

using namespace nezuban;
using namespace std::chrono_literals;

TEST_CASE("what is lacking is tried again every few milliseconds, for a second, and then no longer waited for") {
    constexpr Time start{1h};
    Shortage shortage;
    CHECK(shortage.may_try(start));
    int tries = 0;
    auto now = start;
    for (; shortage.wait(now); now = *shortage.next_try()) {
        ++tries;
        CHECK_FALSE(shortage.may_try(now));
        CHECK(shortage.may_try(*shortage.next_try()));
    }
    CHECK(tries == Shortage::patience / Shortage::pause);

    // Whoever asks then is told at once, until it is there again.
    CHECK(shortage.may_try(now));
    CHECK_FALSE(shortage.wait(now + 1h));
    shortage.over();
    CHECK(shortage.wait(now + 2h));
}
