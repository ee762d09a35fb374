// What single keys cannot tell: rules that could never match, never act, or contradict themselves.
#pragma once

#include "config/draft.hpp"

namespace nezuban {

void check_rule(const RuleDraft& rule, Complaints& complaints);

// "rule "scanner"", or "this rule" while it has no name.
[[nodiscard]] std::string shown_rule(const RuleSpec& rule);

} // namespace nezuban
