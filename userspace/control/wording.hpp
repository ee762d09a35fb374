// How single values are written for people.
#pragma once

#include "core/time.hpp"

#include <string>
#include <string_view>

namespace nezuban::control {

// "2026-03-01T12:00:00.000000001Z": RFC 3339 with all nanoseconds, in UTC.
[[nodiscard]] std::string rfc3339(WallTime time);

// The two largest units: "3d 4h", "12m 5s", "4s", "350ms". Negative ones as zero.
[[nodiscard]] std::string brief(Duration duration);

// Nothing that a terminal obeys or that breaks a line: control bytes become '?'. Names of processes come from anybody.
[[nodiscard]] std::string printable(std::string_view text);

} // namespace nezuban::control
