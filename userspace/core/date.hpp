// Wall times as people and programs write them.
#pragma once

#include "core/result.hpp"
#include "core/time.hpp"

#include <string>
#include <string_view>

namespace nezuban {

// RFC 3339 in UTC with nanoseconds: "2026-11-22T10:05:00.123456789Z".
[[nodiscard]] std::string format_time(WallTime time);

// RFC 3339 ("2026-11-22T10:05:00.5+09:00"; a date alone is its midnight; without offset: UTC), "today", "yesterday"
// (since midnight UTC), "now", "@1700000000" (seconds since 1970), or how long ago: "90s", "10m", "1h30m", "2d",
// "10m ago".
[[nodiscard]] Result<WallTime> parse_time(std::string_view text, WallTime now);

} // namespace nezuban
