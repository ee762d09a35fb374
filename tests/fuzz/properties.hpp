// What the targets demand. A demand that isn't met ends the run as a crash does, and the input is kept.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace nezuban::fuzz {

inline void require(bool holds, const std::source_location& where = std::source_location::current()) {
    if (holds) return;
    std::fprintf(stderr, "ERROR: what %s:%u demands isn't so\n", where.file_name(), where.line());
    std::abort();
}

// As another decoder than ours sees it.
inline bool is_utf8(std::string_view text) {
    try {
        return !nlohmann::json(std::string(text)).dump().empty();
    } catch (const nlohmann::json::exception&) {
        return false;
    }
}

// On a terminal, as part of one line: no control character of either set, nothing that turns the direction.
inline bool can_be_shown(std::string_view text) {
    for (std::size_t at = 0; at < text.size(); ++at) {
        const auto byte = [&](std::size_t i) {
            return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U;
        };
        if (byte(0) < 0x20 || byte(0) == 0x7F) return false;
        if (byte(0) == 0xC2 && byte(1) < 0xA0) return false;
        if (byte(0) == 0xE2 && byte(1) == 0x80 && byte(2) >= 0xAA && byte(2) <= 0xAE) return false;
        if (byte(0) == 0xE2 && byte(1) == 0x81 && byte(2) >= 0xA6 && byte(2) <= 0xA9) return false;
    }
    return is_utf8(text);
}

// An error of ours: a sentence, whatever was read.
inline bool is_sentence(std::string_view text) {
    constexpr std::size_t longest = 500;
    return !text.empty() && text.size() <= longest && can_be_shown(text);
}

} // namespace nezuban::fuzz
