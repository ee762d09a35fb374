// A new configuration under a running engine.
#include "engine/state.hpp"

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace nezuban {

namespace {

std::string what_differs(const RuleSpec& before, const RuleSpec& after) {
    std::vector<std::string_view> keys;
    if (!(before.match == after.match)) keys.emplace_back("match");
    if (!(before.count == after.count)) keys.emplace_back("count");
    if (!(before.hang == after.hang)) keys.emplace_back("hang");
    if (before.required != after.required) keys.emplace_back("requires");
    if (!(before.ready == after.ready)) keys.emplace_back("ready");
    if (!(before.restart == after.restart)) keys.emplace_back("restart");
    if (!(before.escalate == after.escalate)) keys.emplace_back("escalate");
    if (before.notify_command != after.notify_command) keys.emplace_back("notify");
    return fmt::format("{}", fmt::join(keys, ", "));
}

} // namespace

std::vector<std::string> Engine::reload(std::vector<RuleSpec> rules, std::vector<GroupSpec> groups, Time now,
                                        Intents& out) {
    Turn turn{.desk = state_->desk, .now = now, .out = out};
    std::vector<std::string> changes;
    std::vector<std::unique_ptr<Watch>> next;
    auto& old = state_->watches;
    std::unordered_map<std::string, std::size_t> places; // by name
    for (std::size_t place = 0; place < old.size(); ++place) {
        places.emplace(old[place]->spec().name, place);
    }
    std::unordered_set<std::string> names; // of the new ones
    for (const auto& rule : rules) {
        names.insert(rule.name);
    }
    for (auto& rule : rules) {
        const auto place = places.find(rule.name);
        const auto known = place == places.end() || !old[place->second]
                               ? old.end()
                               : old.begin() + static_cast<std::ptrdiff_t>(place->second);
        if (known != old.end() && (*known)->spec() == rule) {
            next.push_back(std::move(*known));
            continue;
        }
        changes.push_back(known == old.end()
                              ? "+ " + rule.name
                              : fmt::format("~ {}: {}", rule.name, what_differs((*known)->spec(), rule)));
        if (known != old.end() && (*known)->is_as_before(rule)) {
            (*known)->take(std::move(rule), turn);
            state_->touch(known->get());
            next.push_back(std::move(*known));
            continue;
        }
        next.push_back(std::make_unique<Watch>(std::move(rule)));
        // What the operator said of it holds for its new text too. What was counted and tried does not: it was of other
        // processes, or in another way.
        if (known != old.end()) {
            auto memory = (*known)->memory();
            next.back()->restore({.rule = memory.rule,
                                  .attempts = {},
                                  .exhausted_reason = {},
                                  .paused = memory.paused,
                                  .paused_until = memory.paused_until});
            next.back()->inherit(**known, turn);
            out.emplace_back(Remember{next.back()->memory()});
            continue;
        }
        // Of another name for the same processes: what their former rule has begun is waited for.
        const auto former = std::ranges::find_if(old, [&](const auto& watch) {
            return watch && watch->spec().match == next.back()->spec().match && !names.contains(watch->spec().name);
        });
        if (former == old.end()) continue;
        next.back()->inherit(**former, turn);
        out.emplace_back(Remember{next.back()->memory()});
    }
    std::set<const Watch*> dropped;
    for (const auto& watch : old) {
        if (!watch) continue;
        dropped.insert(watch.get());
        if (!names.contains(watch->spec().name)) {
            changes.push_back("- " + watch->spec().name);
            out.emplace_back(Remember{{.rule = watch->spec().name, .attempts = {}, .exhausted_reason = {}}});
        }
    }
    if (!(state_->groups == groups)) changes.emplace_back("~ groups");
    for (const auto& group : state_->groups) {
        if (std::ranges::find(groups, group.name, &GroupSpec::name) == groups.end())
            out.emplace_back(
                Remember{{.rule = Group::memory_name(group.name), .attempts = {}, .exhausted_reason = {}}});
    }
    state_->groups = std::move(groups);

    std::erase_if(state_->desk.restarts, [&](const auto& pair) { return dropped.contains(pair.second); });
    std::erase_if(state_->desk.orphans, [&](const auto& pair) { return dropped.contains(pair.second); });
    std::erase_if(state_->desk.woken, [&](const Watch* watch) { return dropped.contains(watch); });
    std::erase_if(state_->touched, [&](const Watch* watch) { return dropped.contains(watch); });
    if (!changes.empty()) state_->hangs.forget_dues();
    const auto gone = std::move(old);
    state_->watches = std::move(next);
    state_->relate();
    // Who belongs to the new rules: what is known now counts at once, what has to be read comes with the snapshot.
    state_->desk.table.for_each([&](ProcessTable::Entry& entry) {
        std::erase_if(entry.watches, [&](const Watch* watch) { return dropped.contains(watch); });
        const Process before = entry.process;
        state_->rematch(entry, &before, Watch::Entry::known, turn);
    });
    if (!changes.empty()) {
        State::report(Happening::reloaded, fmt::format("{}", fmt::join(changes, ", ")), turn);
        out.emplace_back(Resync{"the configuration has changed"});
    }
    if (state_->may_judge()) state_->judge_touched(turn);
    return changes;
}

} // namespace nezuban
