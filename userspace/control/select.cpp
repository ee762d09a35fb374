#include "control/select.hpp"

#include "core/words.hpp"

#include <string_view>
#include <unordered_set>

#include <fmt/format.h>

namespace nezuban::control {

namespace {

std::string unknown(const EngineView& view, const std::string& name) {
    std::vector<std::string_view> known;
    known.reserve(view.rules.size() + view.groups.size());
    for (const auto& rule : view.rules)
        known.push_back(rule.name);
    for (const auto& group : view.groups)
        known.push_back(group.name);
    return fmt::format("there is no rule or group '{}'{}", name, in_brackets(did_you_mean(name, known)));
}

} // namespace

Result<EngineView> select(const EngineView& view, const std::vector<std::string>& names) {
    if (names.empty()) return view;

    std::unordered_set<std::string_view> known;
    for (const auto& rule : view.rules)
        known.insert(rule.name);
    for (const auto& group : view.groups)
        known.insert(group.name);
    for (const auto& name : names)
        if (!known.contains(name)) return fail(unknown(view, name));

    std::unordered_set<std::string_view> wanted{names.begin(), names.end()};
    EngineView chosen{.rules = {},
                      .groups = {},
                      .processes = view.processes,
                      .events_received = view.events_received,
                      .events_lost = view.events_lost,
                      .resyncs = view.resyncs};
    for (const auto& group : view.groups) {
        if (!wanted.contains(group.name)) continue;
        chosen.groups.push_back(group);
        wanted.insert(group.members.begin(), group.members.end());
    }
    for (const auto& rule : view.rules)
        if (wanted.contains(rule.name)) chosen.rules.push_back(rule);
    return chosen;
}

} // namespace nezuban::control
