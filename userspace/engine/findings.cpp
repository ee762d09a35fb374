#include "engine/findings.hpp"

namespace nezuban {

std::vector<const Finding*> Findings::of(const Identity& process) const {
    std::vector<const Finding*> found;
    for (auto at = by_process_.lower_bound({process, std::string_view()});
         at != by_process_.end() && at->first == process; ++at)
        found.push_back(&by_key_.find(std::string(at->second))->second);
    return found;
}

const Finding* Findings::first_of(const ByAge& by_age) const {
    return by_age.empty() ? nullptr : &by_key_.find(std::string(by_age.begin()->second))->second;
}

const Finding* Findings::oldest() const {
    return first_of(by_age_);
}

const Finding* Findings::oldest_restartable() const {
    return first_of(restartable_);
}

void Findings::add(Finding&& finding) {
    auto name = finding.key;
    const auto [place, fresh] = by_key_.try_emplace(std::move(name), std::move(finding));
    if (!fresh) return;
    const auto& [key, added] = *place;
    by_age_.emplace(added.since, key);
    if (added.restartable) restartable_.emplace(added.since, key);
    by_process_.emplace(added.process, key);
}

std::optional<Finding> Findings::take(const std::string& key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return std::nullopt;
    const auto& finding = found->second;
    by_age_.erase({finding.since, key});
    restartable_.erase({finding.since, key});
    by_process_.erase({finding.process, key});
    auto taken = std::move(found->second);
    by_key_.erase(found);
    return taken;
}

std::vector<Finding> Findings::take_all() {
    by_age_.clear();
    restartable_.clear();
    by_process_.clear();
    std::vector<Finding> all;
    all.reserve(by_key_.size());
    for (auto& [key, finding] : std::exchange(by_key_, {})) {
        all.push_back(std::move(finding));
    }
    return all;
}

} // namespace nezuban
