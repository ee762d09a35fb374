// The only place where a clock is read.
#pragma once

#include "core/time.hpp"

namespace nezuban {

[[nodiscard]] Time monotonic_now();

// Both clocks, as near to the same moment as one call after the other can be.
[[nodiscard]] ClockPair clock_pair();

// For which this thread has had a processor: what work has cost, without what others kept it waiting. A system call.
[[nodiscard]] Duration own_cpu_time();

// With the time in which the machine was suspended: what /proc counts in.
[[nodiscard]] Duration since_boot();

} // namespace nezuban
