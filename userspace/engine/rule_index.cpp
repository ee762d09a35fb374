#include "engine/rule_index.hpp"

#include "engine/watch.hpp"

namespace nezuban {

RuleIndex::RuleIndex(std::span<const std::unique_ptr<Watch>> watches) {
    std::vector<MatchSpec> rules;
    for (const auto& watch : watches) {
        watches_.push_back(watch.get());
        rules.push_back(watch->spec().match);
        auto needs = watch->matcher().needs();
        const auto per = watch->spec().count.per;
        needs.exe = needs.exe || per == Per::exe;
        needs.cgroups = needs.cgroups || per == Per::cgroup;
        needs_.add(watch->matcher(), needs);
    }
    candidates_ = Candidates(rules);
}

void RuleIndex::matching(const Process& process, std::vector<Watch*>& out) const {
    Candidates::Places places;
    candidates_.find(process, places);
    for (const auto place : places) {
        if (watches_[place]->matcher().matches(process)) out.push_back(watches_[place]);
    }
}

} // namespace nezuban
