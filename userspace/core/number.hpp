// Numbers in texts that others wrote.
#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string_view>

#include <system_error>

namespace nezuban {

// Absent: the text is anything but this one number, without a sign or blanks, or it doesn't fit.
template <std::unsigned_integral Number>
[[nodiscard]] std::optional<Number> number_in(std::string_view text, int base = 10) {
    Number number = 0;
    const auto [end, error] = std::from_chars(text.begin(), text.end(), number, base);
    if (error != std::errc() || end != text.end()) return std::nullopt;
    return number;
}

} // namespace nezuban
