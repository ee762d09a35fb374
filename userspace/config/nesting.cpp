#include "config/nesting.hpp"

#include <algorithm>
#include <cstddef>

namespace nezuban {

namespace {

constexpr unsigned deepest = 32;

// Behind the string that begins at start. Where the text is no TOML the answer is of no interest: the parser stops
// there, and nothing behind it is built.
std::size_t end_of_string(std::string_view text, std::size_t start) {
    const char quote = text[start];
    const bool escapes = quote == '"';
    const std::string_view triple = escapes ? R"(""")" : "'''";
    const bool many_lines = text.substr(start).starts_with(triple);
    for (std::size_t at = start + (many_lines ? 3 : 1); at < text.size(); ++at) {
        if (escapes && text[at] == '\\') {
            ++at;
        } else if (!many_lines && (text[at] == quote || text[at] == '\n')) {
            return at + 1;
        } else if (many_lines && text.substr(at).starts_with(triple)) {
            at += 3;
            for (int extra = 0; extra < 2 && at < text.size() && text[at] == quote; ++extra) {
                ++at; // the string itself may end with up to two quotes
            }
            return at;
        }
    }
    return text.size();
}

Position position_at(std::string_view text, std::size_t offset) {
    Position position;
    for (const char character : text.substr(0, offset)) {
        if (character == '\n') {
            ++position.line;
            position.column = 1;
        } else if ((static_cast<unsigned char>(character) & 0xC0U) != 0x80U) {
            ++position.column;
        }
    }
    return position;
}

} // namespace

std::optional<SyntaxError> refuse_deep_nesting(std::string_view text) {
    unsigned brackets = 0;
    unsigned dots = 0;
    for (std::size_t at = 0; at < text.size();) {
        switch (text[at]) {
        case '#': at = std::min(text.find('\n', at), text.size()); continue;
        case '"':
        case '\'': at = end_of_string(text, at); continue;
        case '.': ++dots; break;
        case '[':
        case '{': ++brackets; [[fallthrough]];
        case '\n':
        case '=':
        case ',': dots = 0; break;
        case ']':
        case '}': brackets -= brackets > 0 ? 1 : 0; break;
        default: break;
        }
        if (brackets > deepest || dots > deepest) {
            return SyntaxError{.text = "nested too deeply: no configuration needs more than 32 levels",
                               .where = position_at(text, at),
                               .hint = {}};
        }
        ++at;
    }
    return std::nullopt;
}

} // namespace nezuban
