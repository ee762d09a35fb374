#include "control/words.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include <fmt/format.h>

namespace nezuban::control {

namespace {

constexpr std::size_t longest_word = 64; // nothing known is longer, and the distance costs the product of both

// Single-letter edits between two words (Levenshtein).
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j)
        row[j] = j;
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

} // namespace

std::string_view nearest(std::string_view word, std::span<const std::string_view> known) {
    if (word.size() > longest_word) return {};
    std::string_view best;
    std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
    for (const auto candidate : known) {
        if (candidate.size() > longest_word) continue;
        const auto edits = distance(word, candidate);
        // "ps" is not a misspelt "x": something of the word has to be left.
        if (edits < best_distance && edits < std::max(word.size(), candidate.size())) {
            best = candidate;
            best_distance = edits;
        }
    }
    return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> known) {
    const auto candidate = nearest(word, known);
    if (candidate.empty()) return {};
    return fmt::format(" (did you mean '{}'?)", candidate);
}

} // namespace nezuban::control
