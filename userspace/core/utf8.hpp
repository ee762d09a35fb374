// Names and arguments of processes are bytes: what of them is text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace nezuban {

struct CodePoint {
    std::uint32_t code;
    std::size_t size; // in bytes
};

// The code point at the front of text, which isn't empty, when it is well-formed: neither overlong nor a surrogate nor
// out of range.
[[nodiscard]] std::optional<CodePoint> first_character(std::string_view text);

} // namespace nezuban
