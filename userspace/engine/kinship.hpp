// Which rules require which, and what that allows at this moment: the gates of docs/adr/0009-groups-by-gates.md.
#pragma once

#include "core/spec.hpp"
#include "engine/group.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace nezuban {

class ProcessTable;
class Watch;

class Kinship {
public:
    // Anew for these rules. Groups of the same name keep what they know.
    void build(std::span<const std::unique_ptr<Watch>> watches, const std::vector<GroupSpec>& groups);

    // Null: it belongs to none.
    [[nodiscard]] Group* group_of(const Watch& watch) const;
    [[nodiscard]] std::span<const std::unique_ptr<Group>> groups() const {
        return groups_;
    }
    [[nodiscard]] Group* group_named(std::string_view name) const;
    // In the order of the configuration.
    [[nodiscard]] const std::vector<Watch*>& members_of(const Group& group) const;

    // It requires somebody, is required, or belongs to a group with others.
    [[nodiscard]] bool has_any(const Watch& watch) const;
    // Who has to give way when it is restarted, by the policy of its group.
    [[nodiscard]] const std::vector<Watch*>& followers(const Watch& watch) const;
    // Who may have waited for a change of it.
    [[nodiscard]] const std::vector<Watch*>& concerned(const Watch& watch) const;
    // The gate of its stop: somebody is being stopped who has to be down before.
    [[nodiscard]] bool in_the_way(const Watch& watch) const;
    // The gate of its start: what it still waits for.
    [[nodiscard]] std::vector<const Watch*> unmet(const Watch& watch) const;
    // Those who wait for something that nothing will bring back.
    [[nodiscard]] std::unordered_set<const Watch*> waiting_in_vain() const;
    // All run that it could have been restarted because of, as many as have to, and will go on to run.
    [[nodiscard]] bool needs_nothing(const Watch& watch, const ProcessTable& table) const;
    // Somebody's restart takes it along.
    [[nodiscard]] bool follows_somebody(const Watch& watch) const;
    [[nodiscard]] bool requires_what_was_given_up(const Watch& watch) const;
    // Before this one falls: what fell long ago, and is mended or given up, is no cause of it.
    void put_to_rest(const Watch& falling, Group& group) const;
    // Whether unmet is empty, without the names.
    [[nodiscard]] bool may_start(const Watch& watch) const;
    // Directly or not.
    [[nodiscard]] bool requires_it(const Watch& watch, const Watch& other) const;
    // The fall that its own came of: the earliest of those that it requires, directly or not. Null: its own cause.
    [[nodiscard]] const Fall* cause_of(const Watch& watch) const;
    [[nodiscard]] std::size_t depth(const Watch& watch) const;

private:
    struct Kin {
        Group* group = nullptr;
        std::vector<Watch*> required;  // directly
        std::vector<Watch*> below;     // all that it requires
        std::vector<Watch*> above;     // all of its group that require it
        std::vector<Watch*> followers; // above, or by the group's policy all others or none
        std::vector<Watch*> concerned;
        std::size_t depth = 0;
    };
    using ByName = std::unordered_map<std::string_view, Watch*>;

    void build_groups(const ByName& by_name, const std::vector<GroupSpec>& specs);
    void build_below(const ByName& by_name, std::span<const std::unique_ptr<Watch>> watches);
    void build_depth();
    void build_above();
    void build_concerned();
    [[nodiscard]] const Kin& kin(const Watch& watch) const;
    // Tells what a start waits for, until each says false.
    template <typename Each> void for_unmet(const Kin& own, Each each) const;

    std::vector<std::unique_ptr<Group>> groups_;
    std::unordered_map<const Group*, std::vector<Watch*>> members_;
    std::unordered_map<const Watch*, Kin> kin_; // of those who have any
    std::vector<Watch*> order_;                 // the same, in the order of the configuration
    Kin none_;
};

} // namespace nezuban
