#include "app/watchdog.hpp"

#include <doctest/doctest.h>

using namespace nezuban;
using namespace std::chrono_literals;

namespace {

constexpr Time start{1h};
constexpr Duration every = 10s;

Watchdog watched() {
    return {every, start};
}

} // namespace

TEST_CASE("the service manager is told when the canary comes back, and only then") {
    auto watchdog = watched();
    CHECK(watchdog.next_deadline() == start);
    CHECK(watchdog.advance(start, false, false).send);
    CHECK(watchdog.came_back(start + 1ms).tell_alive);
    CHECK_FALSE(watchdog.came_back(start + 2ms).tell_alive); // somebody else may rename us
    CHECK(watchdog.next_deadline() == start + 1ms + every);
    CHECK_FALSE(watchdog.advance(start + every, false, false).send);
    CHECK(watchdog.advance(start + 1ms + every, false, false).send);
}

TEST_CASE("what a full queue of the service manager refused is proved anew, and told, long before the next beat") {
    auto watchdog = watched();
    CHECK(watchdog.advance(start, false, false).send);
    CHECK(watchdog.came_back(start + 1ms).tell_alive);

    watchdog.untold(start + 1ms);

    const auto next = watchdog.next_deadline();
    CHECK(next == start + 1ms + every / 4);
    CHECK(watchdog.advance(next, false, false).send);
    CHECK(watchdog.came_back(next + 1ms).tell_alive);
    CHECK(watchdog.next_deadline() == next + 1ms + every);
}

TEST_CASE("one that a full ring refused is sent again, and nothing is said") {
    auto watchdog = watched();
    CHECK(watchdog.advance(start, false, false).send);
    const auto next = watchdog.next_deadline();
    CHECK(next == start + every / 4);
    const auto again = watchdog.advance(next, false, false);
    CHECK(again.send);
    CHECK_FALSE(again.missing);
    const auto back = watchdog.came_back(next + 1ms);
    CHECK(back.tell_alive);
    CHECK_FALSE(back.again);
}

TEST_CASE("one that is missing for an interval is told once, and so is its return") {
    auto watchdog = watched();
    int told = 0;
    for (Time now = start; now <= start + 3 * every; now += 1s)
        told += watchdog.advance(now, false, false).missing ? 1 : 0;
    CHECK(told == 1);
    const auto back = watchdog.came_back(start + 3 * every);
    CHECK(back.tell_alive);
    CHECK(back.again);
    CHECK(watchdog.advance(start + 4 * every, false, false).send);
    CHECK_FALSE(watchdog.came_back(start + 4 * every).again);
}

TEST_CASE("what still waits in the ring isn't missing") {
    auto watchdog = watched();
    for (Time now = start; now <= start + 3 * every; now += 1s)
        CHECK_FALSE(watchdog.advance(now, true, false).missing);
}

TEST_CASE("while the kernel can't be observed nothing is proved, and nothing is missing") {
    auto watchdog = watched();
    CHECK(watchdog.advance(start, false, false).send);
    for (Time now = start + every; now <= start + 3 * every; now += 1s) {
        const auto step = watchdog.advance(now, false, true);
        CHECK_FALSE(step.send);
        CHECK_FALSE(step.missing);
    }
    CHECK_FALSE(watchdog.came_back(start + 3 * every).tell_alive);
    CHECK_FALSE(watchdog.deaf_for(start + 3 * every).has_value());
}

TEST_CASE("a daemon that didn't run for a minute isn't deaf for that") {
    auto watchdog = watched();
    CHECK(watchdog.advance(start, false, false).send);
    CHECK(watchdog.came_back(start + 1ms).tell_alive);
    CHECK(watchdog.advance(start + 1min, false, false).send);
    CHECK_FALSE(watchdog.deaf_for(start + 1min).has_value());
}

TEST_CASE("without a service manager it is a proof all the same, for whoever asks for health") {
    Watchdog watchdog(std::nullopt, start);
    CHECK(watchdog.advance(start, false, false).send);
    CHECK_FALSE(watchdog.came_back(start).tell_alive);
    const auto asked = watchdog.next_deadline();
    for (Time now = asked; now < asked + 10s; now += 100ms) {
        watchdog.advance(now, false, false);
        CHECK_FALSE(watchdog.deaf_for(now).has_value());
    }
    CHECK(watchdog.deaf_for(asked + 12s) == 12s);
}
