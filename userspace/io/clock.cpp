#include "io/clock.hpp"

#include <ctime>

namespace nezuban {

namespace {

Duration read(clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return std::chrono::seconds(now.tv_sec) + Duration(now.tv_nsec);
}

} // namespace

Time monotonic_now() {
    return Time(read(CLOCK_MONOTONIC));
}

Duration own_cpu_time() {
    return read(CLOCK_THREAD_CPUTIME_ID);
}

Duration since_boot() {
    return read(CLOCK_BOOTTIME);
}

ClockPair clock_pair() {
    return {.monotonic = monotonic_now(), .wall = WallTime(read(CLOCK_REALTIME))};
}

} // namespace nezuban
