// What single keys cannot tell: rules that could never match, never act, or contradict themselves.
#pragma once

#include "config/draft.hpp"

#include <array>
#include <string_view>

namespace nezuban {

// A rule has at most one of them.
inline constexpr std::array<std::string_view, 3> ready_ways{"ready.command", "ready.tcp", "ready.http"};

void check_rule(const RuleDraft& rule, Complaints& complaints);

// "rule "scanner"", or "this rule" while it has no name.
[[nodiscard]] std::string shown_rule(const RuleSpec& rule);

} // namespace nezuban
