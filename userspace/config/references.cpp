#include "config/references.hpp"

#include "config/checks.hpp"
#include "core/words.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <unordered_map>

#include <fmt/format.h>

namespace nezuban {

namespace {

using Index = std::unordered_map<std::string_view, std::size_t>;

Index index_of(const std::vector<RuleDraft>& rules) {
    Index index;
    for (std::size_t i = 0; i < rules.size(); ++i) {
        if (!rules[i].value.name.empty()) index.emplace(rules[i].value.name, i);
    }
    return index;
}

std::string shown(const Complaints& complaints, Place place) {
    return fmt::format("{}:{}:{}", complaints.file(place.file), place.line, place.column);
}

// One array of names under examination.
struct Names {
    std::string_view path;
    const std::vector<std::string>& names;
    const Setting* setting;
};

void check_known(const Names& list, const Index& rules, const Index& groups,
                 const std::vector<std::string_view>& candidates, Complaints& complaints) {
    if (list.setting == nullptr) return;
    for (std::size_t i = 0; i < list.names.size() && !complaints.full(); ++i) {
        const auto& name = list.names[i];
        if (rules.contains(name)) continue;
        if (groups.contains(name)) {
            complaints.error(list.setting->items[i], fmt::format("{}: {} is a group", list.path, quoted(name)),
                             "name the rules that are its members");
        } else {
            complaints.error(list.setting->items[i], fmt::format("{}: there is no rule {}", list.path, quoted(name)),
                             did_you_mean(name, candidates));
        }
    }
}

// Depth first with a stack of its own: a chain of requires may be as long as the files are.
class CycleSearch {
public:
    CycleSearch(const std::vector<RuleDraft>& rules, Complaints& complaints)
        : rules_(rules), index_(index_of(rules)), marks_(rules.size(), Mark::untouched), complaints_(complaints) {}

    void run() {
        for (std::size_t i = 0; i < rules_.size(); ++i) {
            if (marks_[i] == Mark::untouched) follow(i);
        }
    }

private:
    enum class Mark { untouched, open, done };
    struct Step {
        std::size_t rule;
        std::size_t next = 0; // of its requires
    };

    void follow(std::size_t start) {
        stack_.push_back({.rule = start});
        marks_[start] = Mark::open;
        while (!stack_.empty() && !complaints_.full()) {
            auto& step = stack_.back();
            const auto& names = rules_[step.rule].value.required;
            if (step.next == names.size()) {
                marks_[step.rule] = Mark::done;
                stack_.pop_back();
                continue;
            }
            const auto item = step.next++;
            const auto found = index_.find(names[item]);
            if (found == index_.end()) continue;
            if (marks_[found->second] == Mark::open) {
                tell(step.rule, item, found->second);
            } else if (marks_[found->second] == Mark::untouched) {
                marks_[found->second] = Mark::open;
                stack_.push_back({.rule = found->second});
            }
        }
    }

    // The item of rule's requires leads back to first, which is still open.
    void tell(std::size_t rule, std::size_t item, std::size_t first) const {
        const auto place = rules_[rule].find("requires")->items[item];
        if (rule == first) {
            complaints_.error(place, fmt::format("{} requires itself", shown_rule(rules_[rule].value)));
            return;
        }
        constexpr std::ptrdiff_t most_shown = 8;
        auto step = std::ranges::find(stack_, first, &Step::rule);
        const auto length = stack_.end() - step;
        std::string circle;
        for (std::ptrdiff_t i = 0; i < std::min(length, most_shown); ++i, ++step) {
            circle += rules_[step->rule].value.name + " -> ";
        }
        if (length > most_shown) circle += fmt::format("({} more) -> ", length - most_shown);
        complaints_.error(place, fmt::format("requires: a circle: {}{}", circle, rules_[first].value.name),
                          "one of them has to be able to start first");
    }

    const std::vector<RuleDraft>& rules_;
    Index index_;
    std::vector<Mark> marks_;
    std::vector<Step> stack_;
    Complaints& complaints_;
};

} // namespace

void check_names(const std::vector<RuleDraft>& rules, const std::vector<GroupDraft>& groups, Complaints& complaints) {
    std::unordered_map<std::string_view, std::pair<Place, std::string_view>> first; // by name: where, and what it is
    const auto check = [&](const auto& draft, std::string_view kind) {
        const std::string& name = draft.value.name;
        if (draft.find("name") == nullptr) {
            complaints.error(draft.place, fmt::format("this {} has no name", kind), "add name = \"...\"");
        }
        if (name.empty()) return;
        const auto [found, fresh] = first.try_emplace(name, draft.at("name"), kind);
        if (fresh) return;
        const auto& [place, what] = found->second;
        complaints.error(draft.at("name"), fmt::format("the name {} is already taken", quoted(name)),
                         fmt::format("by the {} at {}", what, shown(complaints, place)));
    };
    for (const auto& rule : rules) {
        check(rule, "rule");
    }
    for (const auto& group : groups) {
        check(group, "group");
    }
}

void check_references(const std::vector<RuleDraft>& rules, const std::vector<GroupDraft>& groups, bool complete,
                      Complaints& complaints) {
    for (const auto& group : groups) {
        if (group.find("members") == nullptr) {
            complaints.error(group.place, "this group has no members", "add members = [...]");
        }
    }
    if (!complete) return;
    const auto known = index_of(rules);
    std::vector<std::string_view> candidates;
    std::ranges::transform(rules, std::back_inserter(candidates),
                           [](const RuleDraft& rule) -> std::string_view { return rule.value.name; });
    Index group_names;
    for (const auto& group : groups) {
        group_names.emplace(group.value.name, group_names.size());
    }
    for (const auto& rule : rules) {
        check_known({"requires", rule.value.required, rule.find("requires")}, known, group_names, candidates,
                    complaints);
    }
    for (const auto& group : groups) {
        check_known({"members", group.value.members, group.find("members")}, known, group_names, candidates,
                    complaints);
    }
}

void check_cycles(const std::vector<RuleDraft>& rules, Complaints& complaints) {
    CycleSearch(rules, complaints).run();
}

} // namespace nezuban
