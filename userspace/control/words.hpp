// "Did you mean": the known word that a mistyped one is closest to.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace nezuban::control {

// Empty when nothing known is close: more than a third of the letters (at least two) would have to change.
[[nodiscard]] std::string_view nearest(std::string_view word, std::span<const std::string_view> known);

// " (did you mean 'status'?)", or nothing.
[[nodiscard]] std::string did_you_mean(std::string_view word, std::span<const std::string_view> known);

} // namespace nezuban::control
