#include "replay/bytes.hpp"

#include "core/utf8.hpp"

#include <cstddef>
#include <cstdint>

namespace nezuban {

namespace {

constexpr std::uint32_t escape_base = 0xF700;

constexpr bool is_escape(std::uint32_t code) {
    return code >= escape_base + 0x80 && code <= escape_base + 0xFF;
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
        const auto point = first_character(bytes);
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
        const auto point = first_character(text);
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
