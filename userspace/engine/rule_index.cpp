#include "engine/rule_index.hpp"

#include "engine/watch.hpp"

namespace nezuban {

void RuleIndex::add(Watch* watch) {
    const auto& match = watch->spec().match;
    (match.kernel_thread ? kernel_threads_ : match.comm ? by_comm_[*match.comm] : others_).push_back(watch);
}

template <typename Each> void RuleIndex::for_candidates(const Process& process, Each each) const {
    if (process.kernel_thread) {
        for (auto* watch : kernel_threads_) {
            each(watch);
        }
        return;
    }
    if (const auto named = by_comm_.find(process.comm); named != by_comm_.end()) {
        for (auto* watch : named->second) {
            each(watch);
        }
    }
    for (auto* watch : others_) {
        each(watch);
    }
}

void RuleIndex::matching(const Process& process, std::vector<Watch*>& out) const {
    for_candidates(process, [&](Watch* watch) {
        if (watch->matcher().matches(process)) out.push_back(watch);
    });
}

Needs RuleIndex::needs_of(const Process& process) const {
    Needs needs;
    for_candidates(process, [&](const Watch* watch) {
        if (!watch->matcher().possible(process)) return;
        const auto rule = watch->matcher().needs();
        const auto per = watch->spec().count.per;
        needs.exe = needs.exe || rule.exe || per == Per::exe;
        needs.args = needs.args || rule.args;
        needs.name = needs.name || rule.name;
        needs.cgroups = needs.cgroups || rule.cgroups || per == Per::cgroup;
    });
    return needs;
}

} // namespace nezuban
