#include "io/clock.hpp"

#include <doctest/doctest.h>
#include <poll.h>

using namespace nezuban;
using namespace std::chrono_literals;

TEST_CASE("time in which we don't run costs us nothing, time in which we do costs at most itself") {
    auto cpu = own_cpu_time();
    auto wall = monotonic_now();
    ::poll(nullptr, 0, 100);
    CHECK(own_cpu_time() - cpu < (monotonic_now() - wall) / 2);

    wall = monotonic_now();
    cpu = own_cpu_time();
    while (own_cpu_time() - cpu < 10ms) {
    }
    CHECK(own_cpu_time() - cpu <= monotonic_now() - wall);
}
