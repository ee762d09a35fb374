#include "rules/pattern_filter.hpp"

#include "rules/expression.hpp"

#include <algorithm>

#include <re2/filtered_re2.h>
#include <re2/re2.h>

namespace nezuban {

namespace {

// Shorter ones are in most texts: "-", "/".
constexpr int shortest_atom = 2;

} // namespace

PatternFilter::PatternFilter(const std::vector<std::string>& expressions)
    : filter_(std::make_unique<re2::FilteredRE2>(shortest_atom)) {
    for (std::size_t place = 0; place < expressions.size(); ++place) {
        int id = 0;
        if (filter_->Add(expressions[place], options_for_bytes(), &id) == re2::RE2::NoError)
            places_.push_back(place);
        else
            unruly_.push_back(place);
    }
    if (places_.empty()) return; // RE2 complains of a filter with nothing in it
    std::vector<std::string> atoms;
    filter_->Compile(&atoms);
    atoms_ = Literals(atoms);
}

PatternFilter::~PatternFilter() = default;
PatternFilter::PatternFilter(PatternFilter&&) noexcept = default;
PatternFilter& PatternFilter::operator=(PatternFilter&&) noexcept = default;

void PatternFilter::find(std::string_view text, std::vector<std::size_t>& out) const {
    out.insert(out.end(), unruly_.begin(), unruly_.end());
    if (places_.empty()) return;
    // RE2 gives its pieces in lower case, for expressions that don't care.
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    std::vector<int> found;
    atoms_.find(lower, found);
    std::ranges::sort(found);
    const auto twice = std::ranges::unique(found);
    found.erase(twice.begin(), twice.end());
    std::vector<int> possible;
    filter_->AllPotentials(found, &possible);
    for (const int id : possible) {
        out.push_back(places_[static_cast<std::size_t>(id)]);
    }
}

bool PatternFilter::can_rule_out(const std::string& expression) {
    std::vector<std::size_t> possible;
    PatternFilter({expression}).find("", possible);
    return possible.empty();
}

} // namespace nezuban
