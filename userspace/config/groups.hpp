// What a group says that could not be meant, or would not do what it seems to say.
#pragma once

#include "config/draft.hpp"

#include <vector>

namespace nezuban {

void check_groups(const std::vector<RuleDraft>& rules, const std::vector<GroupDraft>& groups, Complaints& complaints);

} // namespace nezuban
