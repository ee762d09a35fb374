// What has to be read before an event can be judged.
#include "engine/state.hpp"

#include <variant>

namespace nezuban {

namespace {

template <typename... Handlers> struct Overloaded : Handlers... {
    using Handlers::operator()...;
};

// Where no key tells of a move, whoever may have moved is looked up.
bool cgroups_known(const ProcessTable::Entry* known, const Process& told) {
    return known != nullptr && known->process.cgroups && told.cgroup_key != 0
           && known->process.cgroup_key == told.cgroup_key;
}

} // namespace

Needs Engine::needs_of(const Event& event) const {
    const auto of = [&](const Process& process) { return state_->index.needs_of(process); };
    return std::visit(
        Overloaded{
            [&](const Forked& forked) {
                if (forked.shares_memory) return Needs{};
                auto needs = of(forked.child);
                const auto* parent = state_->desk.table.find(forked.parent);
                if (parent == nullptr || !state_->trusted) return needs; // an exec of the parent may have been lost
                needs.exe = needs.exe && !parent->process.exe;
                needs.args = needs.args && !parent->process.args;
                needs.cgroups = needs.cgroups
                                && (!parent->process.cgroups || parent->process.cgroup_key != forked.child.cgroup_key);
                return needs;
            },
            [&](const Execed& execed) {
                auto needs = of(execed.process);
                const auto* known = state_->desk.table.find(execed.process.id);
                needs.exe = needs.exe && !execed.process.exe;
                needs.args = needs.args && !execed.process.args;
                needs.cgroups = needs.cgroups && !cgroups_known(known, execed.process);
                return needs;
            },
            [&](const Changed& changed) {
                const auto* known = state_->desk.table.find(changed.process.id);
                if (known == nullptr) return Needs{};
                auto needs = of(changed.process);
                needs.name = needs.name && (!known->process.name || known->process.comm != changed.process.comm);
                needs.exe = needs.exe && !known->process.exe;
                needs.args = needs.args && !known->process.args;
                needs.cgroups = needs.cgroups && !cgroups_known(known, changed.process);
                return needs;
            },
            [&](const SnapshotTask& task) {
                if (task.dying) return Needs{};
                auto needs = of(task.process);
                const auto* known = state_->desk.table.find(task.process.id);
                // A program is changed only by an exec, and those are told where anything is; a title changes silently,
                // and so does what a kernel worker works on.
                const bool exe_known = known != nullptr && known->process.exe && state_->trusted && state_->events_told;
                needs.exe = needs.exe && !exe_known;
                needs.cgroups = needs.cgroups && !cgroups_known(known, task.process);
                return needs;
            },
            [](const auto&) { return Needs{}; },
        },
        event);
}

} // namespace nezuban
