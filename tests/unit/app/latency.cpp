#include "app/latency.hpp"

#include <doctest/doctest.h>

using namespace nezuban;
using namespace std::chrono_literals;

TEST_CASE("percentiles are at most a quarter too high, and never above the maximum") {
    Latency latency;
    for (int i = 1; i <= 1000; ++i) {
        latency.add(std::chrono::microseconds(i));
    }
    CHECK(latency.percentile(0.5) >= 500us);
    CHECK(latency.percentile(0.5) <= 625us);
    CHECK(latency.percentile(0.99) >= 990us);
    CHECK(latency.percentile(1.0) == 1000us);
    CHECK(latency.max() == 1000us);
}

TEST_CASE("what is beyond every bucket counts in the last one") {
    Latency latency;
    latency.add(48h);
    CHECK(latency.percentile(0.5) > 1h);
    CHECK(latency.max() == 48h);
}

TEST_CASE("nothing measured is zero") {
    CHECK(Latency().percentile(0.99) == 0s);
}
