#include "io/clock.hpp"

#include <doctest/doctest.h>
#include <poll.h>

using namespace nezuban;
using namespace std::chrono_literals;

TEST_CASE("time in which we don't run costs us nothing, time in which we do costs no more than itself") {
    auto cpu = own_cpu_time();
    auto wall = monotonic_now();
    ::poll(nullptr, 0, 100);
    auto spent = own_cpu_time() - cpu;
    CHECK(spent < (monotonic_now() - wall) / 2);

    wall = monotonic_now();
    cpu = own_cpu_time();
    do {
        spent = own_cpu_time() - cpu;
    } while (spent < 10ms);
    // Twice: the two clocks are read one after the other, and only one of them is slewed (by 500 ppm at most).
    CHECK(spent < (monotonic_now() - wall) * 2);
}
