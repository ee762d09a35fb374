// toml++ 3.3 bounds nested brackets but not dotted keys: "a.a.a. ..." over a whole file would end its recursion, and
// with it the daemon, on the stack's end. So depth is counted before anything is parsed.
#pragma once

#include "config/document.hpp"

#include <optional>
#include <string_view>

namespace nezuban {

[[nodiscard]] std::optional<SyntaxError> refuse_deep_nesting(std::string_view text);

} // namespace nezuban
