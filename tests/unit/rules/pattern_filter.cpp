#include "rules/pattern_filter.hpp"

#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace nezuban;

namespace {

std::set<std::size_t> possible_in(const std::string& text, const std::vector<std::string>& expressions) {
    std::vector<std::size_t> found;
    PatternFilter(expressions).find(text, found);
    CHECK(found.size() == std::set(found.begin(), found.end()).size());
    return {found.begin(), found.end()};
}

} // namespace

TEST_CASE("an expression is ruled out by what it can't do without, in any case of letters") {
    const std::vector<std::string> expressions{"java .*app-1", "(?i)APP-2", "(one|other)thing", "."};
    CHECK(possible_in("java -jar app-1", expressions) == std::set<std::size_t>{0, 3});
    CHECK(possible_in("App-2", expressions) == std::set<std::size_t>{1, 3});
    CHECK(possible_in("otherthing", expressions) == std::set<std::size_t>{2, 3});
    CHECK(possible_in("java", expressions) == std::set<std::size_t>{3});
}

TEST_CASE("what does not compile, and what everything could match, is never ruled out") {
    CHECK(possible_in("", {"("}) == std::set<std::size_t>{0});
    CHECK_FALSE(PatternFilter::can_rule_out("("));
    CHECK_FALSE(PatternFilter::can_rule_out(".*"));
    CHECK_FALSE(PatternFilter::can_rule_out("(app)?"));
    CHECK(PatternFilter::can_rule_out("app"));
    CHECK(possible_in("app", {}).empty());
}
