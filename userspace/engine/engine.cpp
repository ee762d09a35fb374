#include "engine/engine.hpp"

#include "engine/state.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

namespace nezuban {

namespace {

// A lock that is passed on within this is only contended; what waits for a disk is looked at again when it is due.
constexpr Duration shortest_wait = 100ms;

} // namespace

Engine::Engine(const EngineOptions& options, std::vector<RuleSpec> rules, std::vector<GroupSpec> groups,
               const std::vector<RuleMemory>& memories)
    : state_(std::make_unique<State>()) {
    state_->desk.dice.seed(static_cast<Dice::result_type>(options.seed));
    state_->events_told = options.events_told;
    set_own_pids(options.own_pids);
    state_->desk.mark = fmt::format("{:x}", options.seed);
    state_->groups = std::move(groups);
    std::unordered_map<std::string_view, const RuleMemory*> remembered;
    for (const auto& memory : memories) {
        remembered.emplace(memory.rule, &memory);
    }
    for (auto& rule : rules) {
        auto watch = std::make_unique<Watch>(std::move(rule));
        if (const auto memory = remembered.find(watch->spec().name); memory != remembered.end())
            watch->restore(*memory->second);
        state_->watches.push_back(std::move(watch));
    }
    state_->relate();
    for (const auto& group : state_->desk.kin.groups()) {
        const auto memory = remembered.find(Group::memory_name(group->spec().name));
        if (memory != remembered.end()) group->restore(*memory->second);
    }
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
    state_->desk.own_pids.erase(0); // a helper that isn't there is nobody's parent
}

void Engine::advance(Time now, Intents& out) {
    Turn turn{.desk = state_->desk, .now = now, .out = out};
    for (const auto place : state_->timetable.due(now)) {
        state_->touch(state_->watches[place].get());
    }
    if (state_->resync_at && *state_->resync_at <= now) {
        state_->resync_at.reset();
        out.emplace_back(Resync{"the reading of the task list broke off"});
    }
    if (state_->may_judge()) state_->judge_touched(turn);
}

ScanWish Engine::scan_wish() const {
    ScanWish wish{.least = shortest_wait};
    for (const auto& watch : state_->watches) {
        const auto& hang = watch->spec().hang;
        wish.uninterruptible = wish.uninterruptible || hang.uninterruptible;
        // Who is held by a debugger must be known before anybody is ended.
        wish.stopped = wish.stopped || hang.stopped || hang.action == HangAction::restart;
        wish.locks = wish.locks || hang.deadlock || hang.lock_wait;
        wish.running = wish.running || hang.spinning;
        wish.silent = wish.silent || hang.silent;
        wish.sockets = wish.sockets || hang.unserved;
        if (hang.heartbeat && hang.heartbeat_file) wish.beat_files.push_back(*hang.heartbeat_file);
        wish.heartbeat = wish.heartbeat || hang.heartbeat;
    }
    wish.threads = state_->hangs.strangers();
    wish.processes = state_->hangs.suspects();
    return wish;
}

std::optional<Time> Engine::next_scan() const {
    return state_->hangs.next_scan();
}

std::optional<Time> Engine::next_socket_scan() const {
    return state_->hangs.next_socket_scan();
}

std::optional<Time> Engine::next_deadline() const {
    if (!state_->may_judge()) return state_->resync_at; // the end of the snapshot is what we wait for
    const auto due = state_->timetable.next();
    if (!due || !state_->resync_at) return due ? due : state_->resync_at;
    return std::min(*due, *state_->resync_at);
}

Result<void> Engine::pause(std::string_view name, std::optional<Time> until, Time now, Intents& out) {
    return state_->for_named(name, now, out, [&](Watch& watch, Turn& turn) { watch.pause(until, turn); });
}

Result<void> Engine::resume(std::string_view name, Time now, Intents& out) {
    return state_->for_named(name, now, out,
                             [](Watch& watch, Turn& turn) { watch.resume(turn, "resumed by the operator"); });
}

Result<void> Engine::reset(std::string_view name, Time now, Intents& out) {
    if (auto* group = state_->desk.kin.group_named(name)) {
        group->clear_attempts();
        out.emplace_back(Remember{group->memory()});
    }
    return state_->for_named(name, now, out, [](Watch& watch, Turn& turn) { watch.reset(turn); });
}

Result<void> Engine::restart(std::string_view name, Time now, Intents& out) {
    auto found = state_->named(name);
    if (!found) return std::unexpected(found.error());
    // Of a group, whoever can be and is not to be left alone; by its own name, it has to be able.
    const bool group = state_->desk.kin.group_named(name) != nullptr;
    const auto left_out = [&](const Watch& watch) {
        return group && (watch.paused() || !watch.spec().restart.possible());
    };
    std::erase_if(*found, [&](const Watch* watch) { return left_out(*watch); });
    if (found->empty()) return fail(fmt::format("{}: its rules are paused, or can't be restarted", name));
    for (const auto* watch : *found) {
        if (auto why_not = watch->why_no_restart())
            return fail(watch->spec().name + " can't be restarted: " + *why_not);
    }
    return state_->for_named(name, now, out, [&](Watch& watch, Turn& turn) {
        if (!left_out(watch) && !watch.restarting()) watch.restart_by_hand(turn); // else it was pulled along
    });
}

bool Engine::wants(const Signal& signal) const {
    const auto& desk = state_->desk;
    const auto* entry = desk.table.find(signal.id);
    if (entry == nullptr) return false;
    return desk.orphans.contains(signal.id) || std::ranges::any_of(entry->watches, [&](const Watch* watch) {
               return watch->wants_ended(entry->process, desk);
           });
}

EngineView Engine::view(Time now, Detail detail) const {
    EngineView view{.rules = {},
                    .groups = {},
                    .processes = state_->desk.table.size(),
                    .events_received = state_->events_received,
                    .events_lost = state_->events_lost,
                    .resyncs = state_->resyncs};
    const auto in_vain = state_->desk.kin.waiting_in_vain();
    for (const auto& watch : state_->watches) {
        view.rules.push_back(watch->view(now, detail));
        auto& rule = view.rules.back();
        if (watch->holding()) {
            for (const auto* other : state_->desk.kin.unmet(*watch)) {
                rule.waits_for.push_back(other->spec().name);
            }
        }
        rule.failed = rule.failed || in_vain.contains(watch.get());
    }
    std::unordered_map<std::string_view, RuleState> states;
    for (const auto& rule : view.rules) {
        states.emplace(rule.name, rule.state);
    }
    for (const auto& group : state_->groups) {
        // A group is as bad as its worst member; the order is that of how much it matters to an operator.
        constexpr std::array worst_first{RuleState::exhausted,  RuleState::under,   RuleState::over,   RuleState::hung,
                                         RuleState::restarting, RuleState::pending, RuleState::paused, RuleState::ok};
        GroupView one{.name = group.name, .state = RuleState::ok, .members = group.members};
        auto rank = worst_first.size();
        for (const auto& member : group.members) {
            const auto state = states.find(member);
            if (state == states.end()) continue;
            const auto at =
                static_cast<std::size_t>(std::ranges::find(worst_first, state->second) - worst_first.begin());
            rank = std::min(rank, at);
        }
        if (rank < worst_first.size()) one.state = worst_first[rank];
        if (const auto* at_work = state_->desk.kin.group_named(group.name)) at_work->fill(one, now);
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
