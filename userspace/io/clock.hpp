// The only place where a clock is read.
#pragma once

#include "core/time.hpp"

namespace nezuban {

[[nodiscard]] Time monotonic_now();

// Both clocks, as near to the same moment as one call after the other can be.
[[nodiscard]] ClockPair clock_pair();

} // namespace nezuban
