// How far away a time may be that comes from outside: a file, a record, a disk.
#pragma once

#include "core/time.hpp"

namespace nezuban {

// From the zero of its clock: 126 years, of the wall clock the year 2096. No difference between two such times
// overflows, nor what durations of a configuration (ten years at most) add.
inline constexpr Duration farthest{4'000'000'000'000'000'000};

} // namespace nezuban
