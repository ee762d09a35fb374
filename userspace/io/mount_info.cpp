#include "io/mount_info.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <vector>

namespace nezuban {

namespace {

// At nothing but blanks: other white space stands in a path as it is.
std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    line = line.substr(0, line.find('\n'));
    while (!line.empty()) {
        const auto word = line.substr(0, line.find(' '));
        if (!word.empty()) words.push_back(word);
        line.remove_prefix(std::min(line.size(), word.size() + 1));
    }
    return words;
}

// Blanks, ends of line and backslashes are written as \040 and the like.
std::string without_escapes(std::string_view text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto digits = text[i] == '\\' ? text.substr(i + 1, 3) : std::string_view();
        unsigned char code = 0;
        const auto [end, error] = std::from_chars(digits.begin(), digits.end(), code, 8);
        const bool escaped = digits.size() == 3 && end == digits.end() && error == std::errc();
        plain += escaped ? static_cast<char>(code) : text[i];
        if (escaped) i += digits.size();
    }
    return plain;
}

} // namespace

// "ID parent DEVICE ROOT PLACE options [optional fields] - TYPE SOURCE options"
std::optional<Mount> parse_mount(std::string_view line) {
    const auto words = words_of(line);
    constexpr std::ptrdiff_t before_optional = 6;
    if (words.size() < before_optional) return std::nullopt;
    const auto dash = std::find(words.begin() + before_optional, words.end(), "-");
    if (words.end() - dash < 3) return std::nullopt;
    return Mount{.id = std::string(words[0]),
                 .device = std::string(words[2]),
                 .root = without_escapes(words[3]),
                 .place = without_escapes(words[4]),
                 .type = std::string(dash[1]),
                 .source = without_escapes(dash[2])};
}

} // namespace nezuban
