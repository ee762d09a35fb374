#include "app/configuration.hpp"

#include "config/diagnostic.hpp"
#include "config/load.hpp"

#include <algorithm>
#include <ostream>
#include <utility>

namespace nezuban {

std::optional<Spec> read_configuration(const std::string& path, std::ostream& err, const Sources& sources) {
    auto loaded = load(path, sources);
    for (const auto& diagnostic : loaded.diagnostics) {
        err << render(diagnostic) << '\n';
    }
    if (!loaded.ok()) return std::nullopt;
    return std::move(loaded.spec);
}

Result<std::vector<RuleSpec>> select_rules(std::vector<RuleSpec> rules, const std::vector<std::string>& names) {
    for (const auto& name : names) {
        if (std::ranges::find(rules, name, &RuleSpec::name) == rules.end())
            return fail("no rule is named '" + name + "'");
    }
    if (!names.empty())
        std::erase_if(rules, [&](const RuleSpec& rule) { return std::ranges::find(names, rule.name) == names.end(); });
    return rules;
}

} // namespace nezuban
