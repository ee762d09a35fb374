// NAME on the command line: a rule, or a group and with it all its members.
#pragma once

#include "core/result.hpp"
#include "core/view.hpp"

#include <string>
#include <vector>

namespace nezuban::control {

// Only what is named, in the order of the configuration; no names: everything. An unknown name is an error.
[[nodiscard]] Result<EngineView> select(const EngineView& view, const std::vector<std::string>& names);

} // namespace nezuban::control
