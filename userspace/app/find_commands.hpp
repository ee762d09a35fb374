// What a former daemon had started and what still runs: restarts under way go on instead of being begun again.
#pragma once

#include "core/memory.hpp"
#include "probe/features.hpp"

#include <string>
#include <vector>

namespace nezuban {

// Gives each plan with a token the identity of its command, as this daemon is told of it (see Features::mode); pid 0:
// it runs no more, or has never been started. Without such a plan nothing is looked at. To be called when the kernel is
// being observed already, so that an end from now on is seen. Returns what could not be found out: a sentence each, for
// the log.
[[nodiscard]] std::vector<std::string> find_commands(const Features& features, std::vector<RuleMemory>& memories);

} // namespace nezuban
