#include "core/words.hpp"

#include "core/utf8.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace nezuban {

namespace {

// Longer ones are no typing errors; it also bounds the work.
constexpr std::size_t longest_word = 64;

// Insert, delete, replace and swap of neighbours count one each.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1);
    std::vector<std::size_t> above(b.size() + 1);
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) {
        above[j] = j;
    }
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({above[j] + 1, row[j - 1] + 1, replaced});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = std::min(row[j], before[j - 2] + 1);
            }
        }
        before.swap(above);
        above.swap(row);
    }
    return above[b.size()];
}

// C0, DEL, and C1, which a terminal obeys in UTF-8 too (U+009B is ESC [); and what turns the direction of all that
// follows.
bool moves_something(std::uint32_t code) {
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x202A && code <= 0x202E)
           || (code >= 0x2066 && code <= 0x2069);
}

// What must not be shown as it is goes through replace.
template <typename Replace> std::string replaced(std::string_view text, Replace replace) {
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        const auto point = first_character(text);
        const auto character = text.substr(0, point ? point->size : 1);
        if (point && !moves_something(point->code))
            result += character;
        else
            replace(result, character);
        text.remove_prefix(character.size());
    }
    return result;
}

} // namespace

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
    if (word.empty() || word.size() > longest_word) return {};
    std::size_t allowed = std::max<std::size_t>(1, word.size() / 3);
    std::string_view best;
    for (const auto candidate : candidates) {
        const auto longer = std::max(word.size(), candidate.size());
        const auto shorter = std::min(word.size(), candidate.size());
        if (candidate.empty() || longer - shorter > allowed) continue;
        const auto steps = distance(word, candidate);
        if (steps > allowed || steps >= longer) continue;
        best = candidate;
        if (steps == 0) break;
        allowed = steps - 1; // only a nearer one is of interest now
    }
    return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
    const auto found = nearest(word, candidates);
    return found.empty() ? std::string{} : fmt::format("did you mean {}?", quoted(found));
}

std::string in_brackets(const std::string& text) {
    return text.empty() ? std::string{} : " (" + text + ")";
}

std::string counted(std::size_t count, std::string_view noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string printable(std::string_view text) {
    return replaced(text, [](std::string& out, std::string_view character) {
        for (const char byte : character)
            out += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
    });
}

std::string harmless(std::string_view text, char instead) {
    return replaced(text, [instead](std::string& out, std::string_view) { out += instead; });
}

std::string_view beginning(std::string_view text, std::size_t most) {
    if (text.size() <= most) return text;
    while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0U) == 0x80U) {
        --most;
    }
    return text.substr(0, most);
}

std::string quoted(std::string_view text) {
    constexpr std::size_t longest = 60;
    if (text.size() <= longest) return fmt::format("\"{}\"", printable(text));
    return fmt::format("\"{}…\"", printable(beginning(text, longest)));
}

std::string listed(std::span<const std::string_view> words) {
    return fmt::format("{}", fmt::join(words, ", "));
}

} // namespace nezuban
