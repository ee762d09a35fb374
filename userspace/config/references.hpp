// What rules and groups say about each other: names, requires, members.
#pragma once

#include "config/draft.hpp"

#include <vector>

namespace nezuban {

void check_names(const std::vector<RuleDraft>& rules, const std::vector<GroupDraft>& groups, Complaints& complaints);

// complete: every file could be read and parsed, so a name that is nowhere is really unknown.
void check_references(const std::vector<RuleDraft>& rules, const std::vector<GroupDraft>& groups, bool complete,
                      Complaints& complaints);

void check_cycles(const std::vector<RuleDraft>& rules, Complaints& complaints);

} // namespace nezuban
