// Durations, sizes and signals as operators write them.
#pragma once

#include "core/time.hpp"

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace nezuban {

struct Misread {
    std::string text; // what is wrong with it, without the name of the key
    std::string hint;
};

// "500ms", "10s", "1h30m": whole numbers, units descending, at most ten years.
[[nodiscard]] std::expected<Duration, Misread> read_duration(std::string_view text);

// The way back: "1h30m", "0s".
[[nodiscard]] std::string write_duration(Duration duration);

// Bytes from "4MiB", "64KiB", "1GiB", "4096".
[[nodiscard]] std::expected<std::uint64_t, Misread> read_size(std::string_view text);

// The number of "TERM", "SIGTERM", "RTMIN+3", "15".
[[nodiscard]] std::expected<int, Misread> read_signal(std::string_view text);

} // namespace nezuban
