#include "engine/engine.hpp"

#include "engine/process_table.hpp"
#include "engine/rule_index.hpp"
#include "engine/watch.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace nezuban {

namespace {

// While records are being lost the table may be wrong, and nothing is judged by it, until a snapshot has put it
// right. A storm that never lets a snapshot end without a loss must not blind us for longer than this.
constexpr Duration longest_distrust = 1s;
constexpr Duration one_telling = 1s;
constexpr Duration resync_pause = 100ms;

std::string what_differs(const RuleSpec& before, const RuleSpec& after) {
    std::vector<std::string_view> keys;
    if (!(before.match == after.match)) keys.emplace_back("match");
    if (!(before.count == after.count)) keys.emplace_back("count");
    if (!(before.hang == after.hang)) keys.emplace_back("hang");
    if (before.required != after.required) keys.emplace_back("requires");
    if (!(before.restart == after.restart)) keys.emplace_back("restart");
    if (!(before.escalate == after.escalate)) keys.emplace_back("escalate");
    if (before.notify_command != after.notify_command) keys.emplace_back("notify");
    return fmt::format("{}", fmt::join(keys, ", "));
}

template <typename... Handlers> struct Overloaded : Handlers... {
    using Handlers::operator()...;
};

} // namespace

struct Engine::State {
    Desk desk;
    std::vector<std::unique_ptr<Watch>> watches; // in the order of the configuration
    std::vector<GroupSpec> groups;
    RuleIndex index;
    std::vector<Watch*> touched; // to judge at the end of this turn

    bool synced = false; // the first snapshot is complete
    bool in_snapshot = false;
    bool trusted = true;
    bool lost_in_snapshot = false;
    Time distrust_since{};
    bool repairing = false;        // this snapshot answers a loss
    std::optional<Time> resync_at; // the last one broke off
    std::uint64_t found = 0;
    std::uint64_t missed = 0;

    std::uint64_t events_received = 0;
    std::uint64_t events_lost = 0;
    EventsLost losses_untold;
    std::optional<Time> losses_told_at;
    std::uint64_t resyncs = 0;

    void touch(Watch* watch) {
        if (std::ranges::find(touched, watch) == touched.end()) touched.push_back(watch);
    }

    // Which rules count it now, after it came or changed. before: what it was, when it was known already.
    void rematch(ProcessTable::Entry& entry, const Process* before, Watch::Entry how, Turn& turn) {
        std::vector<Watch*> now;
        if (!entry.embryo) index.matching(entry.process, now);
        for (auto* watch : entry.watches) {
            const bool stays = std::ranges::find(now, watch) != now.end();
            if (stays && !watch->moved(*before, entry.process)) continue;
            watch->leave(*before, turn);
            if (stays) watch->enter(entry.process, Watch::Entry::known, turn);
            touch(watch);
        }
        for (auto* watch : now) {
            if (std::ranges::find(entry.watches, watch) != entry.watches.end()) continue;
            watch->enter(entry.process, how, turn);
            touch(watch);
        }
        entry.watches = std::move(now);
    }

    enum class Program { same, other };

    void put(Process process, Watch::Entry how, Program program, Turn& turn) {
        auto* known = desk.table.find(process.id);
        if (known == nullptr) {
            rematch(desk.table.put(std::move(process)), nullptr, how, turn);
            return;
        }
        const Process before = known->process;
        if (program == Program::other) ProcessTable::forget_program(*known);
        rematch(desk.table.put(std::move(process)), &before, how, turn);
    }

    void remove(const Identity& id, const Cause& cause, Turn& turn) {
        if (auto* entry = desk.table.find(id)) {
            for (auto* watch : entry->watches) {
                watch->lose(entry->process, cause, turn);
                touch(watch);
            }
        }
        desk.table.remove(id); // also who is unknown: a snapshot must not bring him in
    }

    void on(const Forked& event, Turn& turn) {
        if (desk.table.find(event.child.id) != nullptr) return; // the snapshot was faster
        rematch(desk.table.put_child(event), nullptr, Watch::Entry::forked, turn);
    }
    void on(const Execed& event, Turn& turn) {
        put(event.process, Watch::Entry::known, Program::other, turn);
    }
    void on(const Changed& event, Turn& turn) {
        // Never brings anybody in: a cgroup that is emptied moves the dead as well.
        if (desk.table.find(event.process.id) != nullptr) put(event.process, Watch::Entry::known, Program::same, turn);
    }
    void on(const Exited& event, Turn& turn) {
        remove(event.id, event.cause, turn);
    }

    void on(const SnapshotBegan& /*event*/, Turn& /*turn*/) {
        desk.table.begin_snapshot();
        for (auto& watch : watches) {
            watch->snapshot_began();
        }
        in_snapshot = true;
        lost_in_snapshot = false;
        resync_at.reset();
        repairing = !trusted;
        found = 0;
        missed = 0;
    }

    void on(const SnapshotTask& event, Turn& turn) {
        if (!desk.table.admits(event.process.id)) return;
        auto* known = desk.table.find(event.process.id);
        if (event.zombie) return; // its exit was told, or lost: then it is unseen, and goes at the end
        if (event.dying) {        // its exit is about to be told
            if (known != nullptr) desk.table.mark_seen(*known);
            return;
        }
        if (known == nullptr) ++found;
        // The exec that would have made somebody of it may have been lost.
        const bool born = known != nullptr && repairing && std::exchange(known->embryo, false);
        if (known != nullptr && !born && ProcessTable::agrees(*known, event.process)) {
            desk.table.mark_seen(*known);
            return;
        }
        // The record of its fork may still be on the way, and it may be about to exec.
        const bool young = known == nullptr || born;
        put(event.process, young ? Watch::Entry::forked : Watch::Entry::known, Program::same, turn);
    }

    void on(const SnapshotEnded& event, Turn& turn) {
        in_snapshot = false;
        if (event.complete) {
            const Cause unknown{};
            for (const auto& id : desk.table.unseen()) {
                ++missed;
                remove(id, unknown, turn);
            }
        }
        desk.table.end_snapshot();
        if (!event.complete) {
            // Not at once: what broke it off may well do so again.
            if (!trusted || unjudged()) resync_at = turn.now + resync_pause;
            return;
        }
        if (repairing) {
            ++resyncs;
            tell_losses(turn);
            report(Happening::resync,
                   fmt::format("compared with the kernel after a loss: {} processes found, {} gone", found, missed),
                   turn);
        }
        if (!lost_in_snapshot) trusted = true;
        if (trusted || turn.now - distrust_since >= longest_distrust) {
            synced = true;
            for (auto& watch : watches) {
                watch->start_judging();
                touch(watch.get());
            }
            judge_touched(turn);
        }
        if (!trusted) {
            turn.out.emplace_back(Resync{"records were lost while the task list was read"});
        } else if (unjudged()) {
            turn.out.emplace_back(Resync{"the configuration has changed while the task list was read"});
        }
    }

    [[nodiscard]] bool unjudged() const {
        return std::ranges::any_of(watches, [](const auto& watch) { return !watch->judging(); });
    }

    void on(const EventsLost& event, Turn& turn) {
        events_lost += event.total();
        lost_in_snapshot = true;
        if (trusted) distrust_since = turn.now;
        trusted = false;
        for (std::size_t kind = 0; kind < event.by_kind.size(); ++kind) {
            losses_untold.by_kind[kind] += event.by_kind[kind];
        }
        if (!losses_told_at || turn.now - *losses_told_at >= one_telling) tell_losses(turn);
        if (!in_snapshot) turn.out.emplace_back(Resync{"records were lost"});
    }

    void on(const CommandStarted& event, Turn& turn) {
        const auto found_watch = desk.restarts.find(event.id);
        if (found_watch == desk.restarts.end()) return;
        auto* watch = found_watch->second;
        watch->command_started(event, turn);
        touch(watch);
    }
    void on(const CommandEnded& event, Turn& turn) {
        const auto found_watch = desk.restarts.find(event.id);
        if (found_watch == desk.restarts.end()) return;
        auto* watch = found_watch->second;
        watch->command_ended(event, turn);
        touch(watch);
    }
    void on(const SignalSent& event, Turn& turn) {
        const auto* entry = desk.table.find(event.id);
        if (entry == nullptr) return;
        for (auto* watch : entry->watches) {
            watch->signal_sent(event, turn);
            touch(watch);
        }
    }

    // At once, but a storm that loses records all the time is one line a second.
    void tell_losses(Turn& turn) {
        const auto lost = std::exchange(losses_untold, {});
        if (lost.total() == 0) return;
        losses_told_at = turn.now;
        report(Happening::lost_events,
               fmt::format("the ring was full: {} fork, {} exec, {} exit and {} change records lost", lost.by_kind[0],
                           lost.by_kind[1], lost.by_kind[2], lost.by_kind[3]),
               turn);
    }

    [[nodiscard]] bool may_judge() const {
        return synced && trusted;
    }

    void judge_touched(Turn& turn) {
        // A judgement may touch nobody else: rules meet only in the events that their actions cause.
        for (auto* watch : std::exchange(touched, {})) {
            watch->judge(turn);
        }
    }

    static void report(Happening happening, std::string reason, Turn& turn) {
        turn.out.emplace_back(Report{{.time = turn.now, .happening = happening, .reason = std::move(reason)}});
    }

    void set_groups(std::vector<GroupSpec> specs) {
        groups = std::move(specs);
        desk.group_of.clear();
        for (const auto& group : groups) {
            for (const auto& member : group.members) {
                desk.group_of[member] = group.name;
            }
        }
    }

    void rebuild_index() {
        index = RuleIndex();
        for (auto& watch : watches) {
            index.add(watch.get());
        }
    }

    Result<std::vector<Watch*>> named(std::string_view name) {
        std::vector<Watch*> out;
        for (const auto& group : groups) {
            if (group.name != name) continue;
            for (const auto& member : group.members) {
                for (auto& watch : watches) {
                    if (watch->spec().name == member) out.push_back(watch.get());
                }
            }
            return out;
        }
        std::vector<std::string> known;
        for (auto& watch : watches) {
            if (watch->spec().name == name) return std::vector{watch.get()};
            known.push_back(watch->spec().name);
        }
        return fail(fmt::format("no rule or group is named {:?}; known are: {}", name, fmt::join(known, ", ")));
    }

    template <typename Each> Result<void> for_named(std::string_view name, Time now, Intents& out, Each each) {
        auto found_watches = named(name);
        if (!found_watches) return std::unexpected(found_watches.error());
        Turn turn{.desk = desk, .now = now, .out = out};
        for (auto* watch : *found_watches) {
            each(*watch, turn);
            touch(watch);
        }
        if (may_judge()) judge_touched(turn);
        return {};
    }
};

Engine::Engine(EngineOptions options, std::vector<RuleSpec> rules, std::vector<GroupSpec> groups,
               const std::vector<RuleMemory>& memories)
    : state_(std::make_unique<State>()) {
    state_->desk.dice.seed(static_cast<Dice::result_type>(options.seed));
    set_own_pids(options.own_pids);
    state_->set_groups(std::move(groups));
    for (auto& rule : rules) {
        auto watch = std::make_unique<Watch>(std::move(rule));
        const auto memory = std::ranges::find(memories, watch->spec().name, &RuleMemory::rule);
        if (memory != memories.end()) watch->restore(*memory);
        state_->watches.push_back(std::move(watch));
    }
    state_->rebuild_index();
}

Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;

void Engine::handle(const Event& event, Time now, Intents& out) {
    Turn turn{.desk = state_->desk, .now = now, .out = out};
    ++state_->events_received;
    std::visit([&](const auto& each) { state_->on(each, turn); }, event);
    if (state_->may_judge()) state_->judge_touched(turn);
}

void Engine::set_own_pids(const std::vector<std::uint32_t>& pids) {
    state_->desk.own_pids = {pids.begin(), pids.end()};
}

void Engine::advance(Time now, Intents& out) {
    Turn turn{.desk = state_->desk, .now = now, .out = out};
    for (auto& watch : state_->watches) {
        const auto due = watch->next_deadline();
        if (due && *due <= now) state_->touch(watch.get());
    }
    if (state_->resync_at && *state_->resync_at <= now) {
        state_->resync_at.reset();
        out.emplace_back(Resync{"the reading of the task list broke off"});
    }
    if (state_->may_judge()) state_->judge_touched(turn);
}

std::optional<Time> Engine::next_deadline() const {
    std::optional<Time> next = state_->resync_at;
    if (!state_->may_judge()) return next; // the end of the snapshot is what we wait for
    for (const auto& watch : state_->watches) {
        const auto due = watch->next_deadline();
        if (due && (!next || *due < *next)) next = due;
    }
    return next;
}

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
                needs.cgroups = needs.cgroups
                                && (known == nullptr || !known->process.cgroups
                                    || known->process.cgroup_key != execed.process.cgroup_key);
                return needs;
            },
            [&](const Changed& changed) {
                const auto* known = state_->desk.table.find(changed.process.id);
                if (known == nullptr) return Needs{};
                auto needs = of(changed.process);
                needs.exe = needs.exe && !known->process.exe;
                needs.args = needs.args && !known->process.args;
                needs.cgroups = needs.cgroups
                                && (!known->process.cgroups || known->process.cgroup_key != changed.process.cgroup_key);
                return needs;
            },
            [&](const SnapshotTask& task) {
                if (task.dying) return Needs{};
                auto needs = of(task.process);
                const auto* known = state_->desk.table.find(task.process.id);
                // A program is changed only by an exec, and those are told; a title changes silently.
                const bool exe_known = known != nullptr && known->process.exe && state_->trusted;
                needs.exe = needs.exe && !exe_known;
                needs.cgroups = needs.cgroups
                                && (known == nullptr || !known->process.cgroups
                                    || known->process.cgroup_key != task.process.cgroup_key);
                return needs;
            },
            [](const auto&) { return Needs{}; },
        },
        event);
}

Result<void> Engine::pause(std::string_view name, std::optional<Time> until, Time now, Intents& out) {
    return state_->for_named(name, now, out, [&](Watch& watch, Turn& turn) { watch.pause(until, turn); });
}

Result<void> Engine::resume(std::string_view name, Time now, Intents& out) {
    return state_->for_named(name, now, out,
                             [](Watch& watch, Turn& turn) { watch.resume(turn, "resumed by the operator"); });
}

Result<void> Engine::reset(std::string_view name, Time now, Intents& out) {
    return state_->for_named(name, now, out, [](Watch& watch, Turn& turn) { watch.reset(turn); });
}

Result<void> Engine::restart(std::string_view name, Time now, Intents& out) {
    auto found = state_->named(name);
    if (!found) return std::unexpected(found.error());
    for (const auto* watch : *found) {
        if (auto why_not = watch->why_no_restart())
            return fail(watch->spec().name + " can't be restarted: " + *why_not);
    }
    return state_->for_named(name, now, out, [](Watch& watch, Turn& turn) { watch.restart_by_hand(turn); });
}

std::vector<std::string> Engine::reload(std::vector<RuleSpec> rules, std::vector<GroupSpec> groups, Time now,
                                        Intents& out) {
    Turn turn{.desk = state_->desk, .now = now, .out = out};
    std::vector<std::string> changes;
    std::vector<std::unique_ptr<Watch>> next;
    auto& old = state_->watches;
    for (auto& rule : rules) {
        const auto known =
            std::ranges::find_if(old, [&](const auto& watch) { return watch && watch->spec().name == rule.name; });
        if (known != old.end() && (*known)->spec() == rule) {
            next.push_back(std::move(*known));
            continue;
        }
        changes.push_back(known == old.end()
                              ? "+ " + rule.name
                              : fmt::format("~ {}: {}", rule.name, what_differs((*known)->spec(), rule)));
        next.push_back(std::make_unique<Watch>(std::move(rule)));
        // What the operator said of it holds for its new text too; what was counted and tried does not.
        if (known != old.end()) {
            auto memory = (*known)->memory();
            next.back()->restore({.rule = memory.rule,
                                  .attempts = {},
                                  .exhausted_reason = {},
                                  .paused = memory.paused,
                                  .paused_until = memory.paused_until});
            out.emplace_back(Remember{next.back()->memory()});
            next.back()->await((*known)->outstanding(), turn);
        }
    }
    std::set<const Watch*> dropped;
    for (const auto& watch : old) {
        if (!watch) continue;
        dropped.insert(watch.get());
        const bool replaced =
            std::ranges::any_of(next, [&](const auto& other) { return other->spec().name == watch->spec().name; });
        if (!replaced) {
            changes.push_back("- " + watch->spec().name);
            out.emplace_back(Remember{{.rule = watch->spec().name, .attempts = {}, .exhausted_reason = {}}});
        }
    }
    if (!(state_->groups == groups)) changes.emplace_back("~ groups");
    state_->set_groups(std::move(groups));

    std::erase_if(state_->desk.restarts, [&](const auto& pair) { return dropped.contains(pair.second); });
    std::erase_if(state_->touched, [&](const Watch* watch) { return dropped.contains(watch); });
    const auto gone = std::move(old);
    state_->watches = std::move(next);
    state_->rebuild_index();
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
    return changes;
}

EngineView Engine::view(Time now) const {
    EngineView view{.rules = {},
                    .groups = {},
                    .processes = state_->desk.table.size(),
                    .events_received = state_->events_received,
                    .events_lost = state_->events_lost,
                    .resyncs = state_->resyncs};
    for (const auto& watch : state_->watches) {
        view.rules.push_back(watch->view(now));
    }
    for (const auto& group : state_->groups) {
        // A group is as bad as its worst member; the order is that of how much it matters to an operator.
        constexpr std::array worst_first{RuleState::exhausted,  RuleState::under,   RuleState::over,   RuleState::hung,
                                         RuleState::restarting, RuleState::pending, RuleState::paused, RuleState::ok};
        GroupView one{.name = group.name, .state = RuleState::ok, .members = group.members};
        auto rank = worst_first.size();
        for (const auto& rule : view.rules) {
            if (std::ranges::find(group.members, rule.name) == group.members.end()) continue;
            const auto at = static_cast<std::size_t>(std::ranges::find(worst_first, rule.state) - worst_first.begin());
            rank = std::min(rank, at);
        }
        if (rank < worst_first.size()) one.state = worst_first[rank];
        view.groups.push_back(std::move(one));
    }
    return view;
}

std::vector<std::vector<Process>> Engine::matches() const {
    std::vector<std::vector<Process>> all;
    for (const auto& watch : state_->watches) {
        std::vector<Process> matched;
        for (const auto& id : watch->members()) {
            if (const auto* entry = state_->desk.table.find(id)) matched.push_back(entry->process);
        }
        all.push_back(std::move(matched));
    }
    return all;
}

} // namespace nezuban
