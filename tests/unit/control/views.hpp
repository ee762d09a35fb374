// What a daemon might have to tell.
#pragma once

#include "control/daemon_view.hpp"
#include "core/view.hpp"

#include <string>
#include <utility>

namespace nezuban::test {

inline RuleView rule(std::string name, RuleState state, std::uint32_t count, std::uint32_t min = 1) {
    RuleView view;
    view.name = std::move(name);
    view.state = state;
    view.count = count;
    view.min = min;
    for (std::uint32_t i = 0; i < count; ++i)
        view.pids.push_back(10 + i);
    return view;
}

inline RuleView failed(std::string name, std::string reason) {
    auto view = rule(std::move(name), RuleState::exhausted, 0);
    view.reason = std::move(reason);
    view.failed = true;
    return view;
}

inline RuleView mending(std::string name, std::string reason) {
    auto view = rule(std::move(name), RuleState::restarting, 0);
    view.reason = std::move(reason);
    view.mending = true;
    return view;
}

inline EngineView engine_of(std::vector<RuleView> rules, std::vector<GroupView> groups = {}) {
    EngineView view;
    view.rules = std::move(rules);
    view.groups = std::move(groups);
    return view;
}

} // namespace nezuban::test
