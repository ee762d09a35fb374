// A configuration read for a verb: its problems told, its rules ready.
#pragma once

#include "app/sources.hpp"
#include "core/result.hpp"
#include "core/spec.hpp"

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace nezuban {

// Prints all diagnostics. Absent: there were errors.
[[nodiscard]] std::optional<Spec> read_configuration(const std::string& path, std::ostream& err,
                                                     const Sources& sources = system_sources());

// The rules of these names (of all rules when there are none); an error names one that isn't there.
[[nodiscard]] Result<std::vector<RuleSpec>> select_rules(std::vector<RuleSpec> rules,
                                                         const std::vector<std::string>& names);

} // namespace nezuban
