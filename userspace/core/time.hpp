// Time is an argument: the engine is told what time it is and never asks.
#pragma once

#include <chrono>
#include <cstdint>

namespace nezuban {

using Duration = std::chrono::nanoseconds;

// For people and JSON.
[[nodiscard]] constexpr double seconds_of(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

// CLOCK_MONOTONIC, the clock of the kernel's event stamps. It stands still while the machine is suspended, so
// no deadline and no stall counts time in which nothing could run. Deliberately without now().
struct MonotonicClock {
    using duration = Duration;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<MonotonicClock>;
    static constexpr bool is_steady = true;
};
using Time = MonotonicClock::time_point;

// CLOCK_REALTIME, for people and for what must outlive a boot.
using WallTime = std::chrono::sys_time<Duration>;

// Where the two clocks stood at the same moment. Taken anew by the shell, so a stepped wall clock is followed.
struct ClockPair {
    Time monotonic;
    WallTime wall;

    [[nodiscard]] constexpr WallTime to_wall(Time time) const {
        return wall + (time - monotonic);
    }
    [[nodiscard]] constexpr Time to_monotonic(WallTime time) const {
        return monotonic + (time - wall);
    }
};

} // namespace nezuban
