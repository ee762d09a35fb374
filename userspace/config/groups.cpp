#include "config/groups.hpp"

#include "config/checks.hpp"
#include "core/words.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

namespace nezuban {

namespace {

class Check {
public:
    Check(const std::vector<RuleDraft>& rules, Complaints& complaints) : complaints_(complaints) {
        for (const auto& rule : rules) {
            if (!rule.value.name.empty()) rules_.emplace(rule.value.name, &rule);
        }
    }

    // A plan belongs to one group: two of them would stop and start the same rule against each other.
    void one_group_each(const GroupDraft& group) {
        const auto* setting = group.find("members");
        if (setting == nullptr) return;
        const auto& names = group.value.members;
        for (std::size_t i = 0; i < names.size() && i < setting->items.size() && !complaints_.full(); ++i) {
            const auto [found, fresh] = group_of_.try_emplace(names[i], &group, setting->items[i]);
            if (fresh || found->second.first == &group || !rules_.contains(names[i])) continue;
            const auto& [other, place] = found->second;
            complaints_.error(setting->items[i],
                              fmt::format("{}: {} is in {} already", shown(group), quoted(names[i]), shown(*other)),
                              fmt::format("at {}:{}:{}; a rule is a member of one group", complaints_.file(place.file),
                                          place.line, place.column));
        }
    }

    void required(const RuleDraft& rule) const {
        const auto* setting = rule.find("requires");
        if (setting == nullptr) return;
        const auto& names = rule.value.required;
        for (std::size_t i = 0; i < names.size() && i < setting->items.size() && !complaints_.full(); ++i) {
            if (const auto found = rules_.find(names[i]); found != rules_.end())
                required_one(rule, *found->second, setting->items[i]);
        }
    }

    void budget(const GroupDraft& group) const {
        if (!group.meant("window") || group.find("attempts") != nullptr) return;
        complaints_.warning(group.at("window"), fmt::format("{}: window is never used", shown(group)),
                            "add attempts = 5: of all members together");
    }

    void restarts(const GroupDraft& group) const {
        const auto members = known_members(group);
        if (members.empty()) return;
        if (std::ranges::none_of(members, [](const auto* rule) { return can_be_restarted(*rule); })) {
            for (const std::string_view path : {"restart", "attempts"}) {
                if (group.meant(path))
                    complaints_.warning(
                        group.at(path),
                        fmt::format("{}: {} is never used: none of the members can be restarted", shown(group), path),
                        "give them restart.command, or restart.stop and restart.start");
            }
            return;
        }
        if (members.size() < 2 || group.value.restart == GroupRestart::member || group.broken("restart")) return;
        if (std::ranges::any_of(members, [&](const auto* rule) { return requires_one_of(*rule, members); })) return;
        const bool all = group.value.restart == GroupRestart::all;
        complaints_.warning(
            group.at("members"),
            fmt::format("{}: no member requires another: {}", shown(group),
                        all ? "they are stopped and started in no order" : "each is restarted on its own"),
            "the order of members means nothing; add requires to those that need others");
    }

private:
    void required_one(const RuleDraft& rule, const RuleDraft& other, Place place) const {
        // "Up first" is a promise that a rule satisfied by nobody can't keep.
        if (other.value.count.min == 0 && !other.broken("count.min"))
            complaints_.warning(
                place,
                fmt::format("requires: {} is up with no process at all: its count.min is 0", quoted(other.value.name)),
                fmt::format("raise count.min of {}", quoted(other.value.name)));
        if (rule.own("requires") && !can_be_restarted(rule) && other.value.restart.possible())
            complaints_.warning(place,
                                fmt::format("requires: {} is restarted, but {} never is", quoted(other.value.name),
                                            shown_rule(rule.value)),
                                "add restart.command = [...]; without it, requires only names the cause");
    }

    static bool can_be_restarted(const RuleDraft& rule) {
        return rule.value.restart.possible() || rule.doubtful.contains("restart");
    }

    // Empty: too little of it is known for any conclusion.
    [[nodiscard]] std::vector<const RuleDraft*> known_members(const GroupDraft& group) const {
        std::vector<const RuleDraft*> members;
        if (group.broken("members")) return members;
        for (const auto& name : group.value.members) {
            const auto found = rules_.find(name);
            if (found == rules_.end() || found->second->broken("requires")) return {};
            members.push_back(found->second);
        }
        return members;
    }

    // Directly or not, also by way of rules that are no members.
    [[nodiscard]] bool requires_one_of(const RuleDraft& rule, const std::vector<const RuleDraft*>& members) const {
        std::unordered_set<std::string_view> seen;
        std::vector<const RuleDraft*> open{&rule};
        while (!open.empty()) {
            const auto& names = open.back()->value.required;
            open.pop_back();
            for (const auto& name : names) {
                const auto found = rules_.find(name);
                if (found == rules_.end() || !seen.insert(name).second) continue;
                if (std::ranges::find(members, found->second) != members.end()) return true;
                open.push_back(found->second);
            }
        }
        return false;
    }

    static std::string shown(const GroupDraft& group) {
        return group.value.name.empty() ? "this group" : fmt::format("group {}", quoted(group.value.name));
    }

    std::unordered_map<std::string_view, const RuleDraft*> rules_;
    std::unordered_map<std::string_view, std::pair<const GroupDraft*, Place>>
        group_of_; // by rule: the first, and where
    Complaints& complaints_;
};

} // namespace

void check_groups(const std::vector<RuleDraft>& rules, const std::vector<GroupDraft>& groups, Complaints& complaints) {
    Check check(rules, complaints);
    for (const auto& rule : rules) {
        check.required(rule);
    }
    for (const auto& group : groups) {
        check.one_group_each(group);
        check.budget(group);
        check.restarts(group);
    }
}

} // namespace nezuban
