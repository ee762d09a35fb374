#include "replay/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace nezuban {

namespace {

constexpr std::uint32_t escape_base = 0xF700;

constexpr bool is_escape(std::uint32_t code) {
    return code >= escape_base + 0x80 && code <= escape_base + 0xFF;
}

struct CodePoint {
    std::uint32_t code;
    std::size_t size; // in bytes
};

// The code point at the front of text, when it is well-formed: neither overlong nor a surrogate nor out of range.
std::optional<CodePoint> front(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const std::uint32_t first = byte(0);
    if (first < 0x80) return CodePoint{.code = first, .size = 1};
    std::size_t size = 0;
    if (first >= 0xC2 && first <= 0xDF)
        size = 2;
    else if (first >= 0xE0 && first <= 0xEF)
        size = 3;
    else if (first >= 0xF0 && first <= 0xF4)
        size = 4;
    if (size == 0 || text.size() < size) return std::nullopt;

    std::uint32_t code = first & (0x7FU >> size);
    for (std::size_t i = 1; i < size; ++i) {
        if ((byte(i) & 0xC0U) != 0x80U) return std::nullopt;
        code = code << 6U | (byte(i) & 0x3FU);
    }
    const bool overlong = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
    const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    if (overlong || surrogate || code > 0x10FFFF) return std::nullopt;
    return CodePoint{.code = code, .size = size};
}

void append_escaped(std::string& out, unsigned char byte) {
    const std::uint32_t code = escape_base + byte;
    out += static_cast<char>(0xE0U | code >> 12U);
    out += static_cast<char>(0x80U | (code >> 6U & 0x3FU));
    out += static_cast<char>(0x80U | (code & 0x3FU));
}

} // namespace

std::string bytes_to_utf8(std::string_view bytes) {
    std::string text;
    text.reserve(bytes.size());
    while (!bytes.empty()) {
        const auto point = front(bytes);
        const std::size_t size = point ? point->size : 1;
        if (point && !is_escape(point->code))
            text += bytes.substr(0, size);
        else
            for (const char byte : bytes.substr(0, size))
                append_escaped(text, static_cast<unsigned char>(byte));
        bytes.remove_prefix(size);
    }
    return text;
}

std::string utf8_to_bytes(std::string_view text) {
    std::string bytes;
    bytes.reserve(text.size());
    while (!text.empty()) {
        const auto point = front(text);
        const std::size_t size = point ? point->size : 1;
        if (point && is_escape(point->code))
            bytes += static_cast<char>(point->code - escape_base);
        else
            bytes += text.substr(0, size);
        text.remove_prefix(size);
    }
    return bytes;
}

} // namespace nezuban
