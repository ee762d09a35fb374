// Which of many expressions could match a text at all: by the pieces of text that each of them can't do without.
#pragma once

#include "rules/literals.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace re2 {
class FilteredRE2;
}

namespace nezuban {

class PatternFilter {
public:
    // RE2 expressions over bytes; one that does not compile is never ruled out.
    explicit PatternFilter(const std::vector<std::string>& expressions);
    ~PatternFilter();
    PatternFilter(PatternFilter&&) noexcept;
    PatternFilter& operator=(PatternFilter&&) noexcept;

    // Appends the places (in the vector) of those that could, each once: all that do match, and hardly any others.
    void find(std::string_view text, std::vector<std::size_t>& out) const;

    // Whether there is anything that the expression can't do without.
    [[nodiscard]] static bool can_rule_out(const std::string& expression);

private:
    std::unique_ptr<re2::FilteredRE2> filter_;
    Literals atoms_;
    std::vector<std::size_t> places_; // of those in the filter
    std::vector<std::size_t> unruly_; // of those that don't compile
};

} // namespace nezuban
