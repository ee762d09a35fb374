#include "engine/kinship.hpp"

#include "engine/watch.hpp"

#include <algorithm>
#include <iterator>
#include <unordered_set>
#include <utility>

namespace nezuban {

namespace {

bool contains(const std::vector<Watch*>& watches, const Watch* watch) {
    return std::ranges::find(watches, watch) != watches.end();
}

void add(std::vector<Watch*>& watches, Watch* watch) {
    if (!contains(watches, watch)) watches.push_back(watch);
}

// The first of each. A thousand rules may all be concerned by each other: no search in what is there already.
void keep_first_of_each(std::vector<Watch*>& watches) {
    std::unordered_set<const Watch*> seen;
    std::erase_if(watches, [&](const Watch* watch) { return !seen.insert(watch).second; });
}

} // namespace

void Kinship::build(std::span<const std::unique_ptr<Watch>> watches, const std::vector<GroupSpec>& groups) {
    ByName by_name;
    for (const auto& watch : watches) {
        by_name.emplace(watch->spec().name, watch.get());
    }
    kin_.clear();
    build_groups(by_name, groups);
    build_below(by_name, watches);
    build_depth();
    build_above();
    build_concerned();
}

void Kinship::build_groups(const ByName& by_name, const std::vector<GroupSpec>& specs) {
    auto old = std::exchange(groups_, {});
    members_.clear();
    for (const auto& spec : specs) {
        const auto known =
            std::ranges::find_if(old, [&](const auto& group) { return group && group->spec().name == spec.name; });
        if (known == old.end()) {
            groups_.push_back(std::make_unique<Group>(spec));
        } else if ((*known)->spec() == spec) {
            groups_.push_back(std::move(*known));
        } else {
            groups_.push_back(std::make_unique<Group>(spec));
            groups_.back()->inherit(**known);
        }
        auto* group = groups_.back().get();
        auto& members = members_[group];
        for (const auto& name : spec.members) {
            const auto found = by_name.find(name);
            if (found == by_name.end() || kin_[found->second].group != nullptr) continue;
            kin_[found->second].group = group;
            members.push_back(found->second);
        }
    }
}

void Kinship::build_below(const ByName& by_name, std::span<const std::unique_ptr<Watch>> watches) {
    for (const auto& watch : watches) {
        for (const auto& required : watch->spec().required) {
            const auto found = by_name.find(required);
            if (found == by_name.end()) continue;
            add(kin_[watch.get()].required, found->second);
            (void)kin_[found->second];
        }
    }
    order_.clear();
    for (const auto& watch : watches) {
        if (kin_.contains(watch.get())) order_.push_back(watch.get());
    }
    for (auto* watch : order_) {
        auto& below = kin_.at(watch).below = kin_.at(watch).required;
        std::unordered_set<const Watch*> seen(below.begin(), below.end());
        for (std::size_t i = 0; i < below.size(); ++i) {
            for (auto* further : kin_.at(below[i]).required) {
                if (seen.insert(further).second) below.push_back(further);
            }
        }
    }
}

// A chain may be as long as the configuration: by rounds, not by recursion. As many as the longest chain has links are
// enough; with a cycle, which the configuration does not let pass, they end as well.
void Kinship::build_depth() {
    bool changed = true;
    for (std::size_t round = 0; changed && round <= order_.size(); ++round) {
        changed = false;
        for (auto* watch : order_) {
            auto& own = kin_.at(watch);
            for (const auto* required : own.required) {
                const auto depth = kin_.at(required).depth + 1;
                if (depth <= own.depth) continue;
                own.depth = depth;
                changed = true;
            }
        }
    }
}

void Kinship::build_above() {
    for (auto* watch : order_) {
        const auto& own = kin_.at(watch);
        for (const auto* below : own.below) {
            auto& lower = kin_.at(below);
            if (lower.group != nullptr && lower.group == own.group) lower.above.push_back(watch);
        }
    }
    for (auto* watch : order_) {
        auto& own = kin_.at(watch);
        if (own.group == nullptr) continue;
        const auto policy = own.group->spec().restart;
        if (policy == GroupRestart::dependents) own.followers = own.above;
        if (policy == GroupRestart::all) {
            own.followers = members_.at(own.group);
            std::erase(own.followers, watch);
        }
    }
}

void Kinship::build_concerned() {
    for (auto* watch : order_) {
        auto& own = kin_.at(watch);
        for (const auto* required : own.required) {
            kin_.at(required).concerned.push_back(watch);
        }
        for (auto* above : own.above) {
            kin_.at(above).concerned.push_back(watch);
            own.concerned.push_back(above);
        }
        if (own.group == nullptr || own.group->spec().restart != GroupRestart::all) continue;
        std::ranges::copy_if(members_.at(own.group), std::back_inserter(own.concerned),
                             [&](const Watch* member) { return member != watch; });
    }
    for (auto* watch : order_) {
        keep_first_of_each(kin_.at(watch).concerned);
    }
}

const Kinship::Kin& Kinship::kin(const Watch& watch) const {
    const auto found = kin_.find(&watch);
    return found == kin_.end() ? none_ : found->second;
}

Group* Kinship::group_of(const Watch& watch) const {
    return kin(watch).group;
}

Group* Kinship::group_named(std::string_view name) const {
    const auto found = std::ranges::find_if(groups_, [&](const auto& group) { return group->spec().name == name; });
    return found == groups_.end() ? nullptr : found->get();
}

const std::vector<Watch*>& Kinship::members_of(const Group& group) const {
    return members_.at(&group);
}

bool Kinship::has_any(const Watch& watch) const {
    const auto& own = kin(watch);
    return !own.concerned.empty() || !own.required.empty()
           || (own.group != nullptr && members_.at(own.group).size() > 1);
}

const std::vector<Watch*>& Kinship::followers(const Watch& watch) const {
    return kin(watch).followers;
}

const std::vector<Watch*>& Kinship::concerned(const Watch& watch) const {
    return kin(watch).concerned;
}

bool Kinship::in_the_way(const Watch& watch) const {
    const auto& own = kin(watch);
    // Nobody follows with the policy `member`; with the others, all of those above do.
    return !own.followers.empty() && std::ranges::any_of(own.above, &Watch::being_stopped);
}

// Each is asked once: what is required directly stands first in `below`.
template <typename Each> void Kinship::for_unmet(const Kin& own, Each each) const {
    const bool all = own.group != nullptr && own.group->spec().restart == GroupRestart::all;
    if (all) {
        for (const auto* member : members_.at(own.group)) {
            if (member->being_stopped() && !each(*member)) return;
        }
    }
    for (std::size_t i = 0; i < own.below.size(); ++i) {
        const auto& below = *own.below[i];
        if (all && below.being_stopped() && kin(below).group == own.group) continue; // named already
        // Not directly: through somebody of another group, who stays up while what he requires is restarted.
        const bool direct = i < own.required.size();
        const bool same_plan = own.group != nullptr && kin(below).group == own.group
                               && own.group->spec().restart != GroupRestart::member && below.mends_or_will();
        if ((direct || same_plan) && !below.up() && !each(below)) return;
    }
}

std::vector<const Watch*> Kinship::unmet(const Watch& watch) const {
    std::vector<const Watch*> found;
    for_unmet(kin(watch), [&](const Watch& other) {
        found.push_back(&other);
        return true;
    });
    return found;
}

bool Kinship::may_start(const Watch& watch) const {
    bool may = true;
    for_unmet(kin(watch), [&](const Watch&) { return may = false; });
    return may;
}

bool Kinship::needs_nothing(const Watch& watch, const ProcessTable& table) const {
    const auto& own = kin(watch);
    const bool all = own.group != nullptr && own.group->spec().restart == GroupRestart::all;
    return std::ranges::all_of(all ? members_.at(own.group) : own.below, [&](const Watch* other) {
        return other->present() && !(requires_it(watch, *other) && other->is_yet_to_be_stopped(table));
    });
}

bool Kinship::follows_somebody(const Watch& watch) const {
    const auto& own = kin(watch);
    if (own.group == nullptr || own.group->spec().restart == GroupRestart::member) return false;
    const auto same = [&](const Watch* below) { return kin(*below).group == own.group; };
    return own.group->spec().restart == GroupRestart::all || std::ranges::any_of(own.below, same);
}

bool Kinship::requires_what_was_given_up(const Watch& watch) const {
    return std::ranges::any_of(kin(watch).below, &Watch::given_up);
}

void Kinship::put_to_rest(const Watch& falling, Group& group) const {
    const auto& members = members_.at(&group);
    const bool under_way = std::ranges::any_of(members, [&](const Watch* member) {
        return member != &falling && (member->mending() || (!member->calm() && !member->given_up()));
    });
    if (under_way || falling.mending()) return;
    for (const auto* member : members) {
        if (!requires_it(falling, *member) && (member == &falling || member->calm() || member->given_up()))
            group.put_to_rest(member->spec().name);
    }
}

// From below, each once: there may be many ways down to the same rule.
std::unordered_set<const Watch*> Kinship::waiting_in_vain() const {
    std::vector<const Watch*> from_below; // first of all who waits: seldom anybody
    std::ranges::copy_if(order_, std::back_inserter(from_below), &Watch::holding);
    std::ranges::sort(from_below, {}, [&](const Watch* watch) { return depth(*watch); });
    std::unordered_set<const Watch*> found;
    for (const auto* watch : from_below) {
        for_unmet(kin(*watch), [&](const Watch& other) {
            const bool in_vain = other.lost() || found.contains(&other);
            if (in_vain) found.insert(watch);
            return !in_vain;
        });
    }
    return found;
}

bool Kinship::requires_it(const Watch& watch, const Watch& other) const {
    return contains(kin(watch).below, &other);
}

const Fall* Kinship::cause_of(const Watch& watch) const {
    const auto& own = kin(watch);
    if (own.group == nullptr) return nullptr;
    const Fall* first = nullptr;
    for (const auto* below : own.below) {
        const auto* fall = own.group->fall_of(below->spec().name);
        if (fall != nullptr && (first == nullptr || fall->at < first->at)) first = fall;
    }
    const auto* mine = own.group->fall_of(watch.spec().name);
    return first != nullptr && mine != nullptr && mine->at < first->at ? nullptr : first;
}

std::size_t Kinship::depth(const Watch& watch) const {
    return kin(watch).depth;
}

} // namespace nezuban
