// The restart of one rule, from its reason to its end:
//
//   waiting -> [stopping -> ending ->] starting -> settling -> recovered
//      ^-------------- failed, while the budget lasts -----------'
#include "core/tell.hpp"
#include "engine/watch.hpp"

#include <algorithm>
#include <csignal>
#include <utility>

#include <fmt/format.h>

namespace nezuban {

namespace {

// A start command may return before what it started has exec'ed: without a settle time we still give it so long.
constexpr Duration least_grace = 1s;
// Beyond a command's own time-out, in case that its end never reaches us.
constexpr Duration command_slack = 30s;

} // namespace

void Watch::begin_plan(std::string reason, Turn& turn) {
    plan_ = {};
    plan_.reason = std::move(reason);
    plan_.began = turn.now;
    if (budget_.spent(turn.now)) {
        escalate(fmt::format("{} restarts within {} are spent: {}", budget_.used(turn.now), tell(spec_.restart.window),
                             plan_.reason),
                 turn);
        return;
    }
    plan_.phase = Plan::Phase::waiting;
    plan_.deadline = turn.now + budget_.next_delay(turn.desk.dice);
    advance_plan(turn);
}

void Watch::attempt(Turn& turn) {
    if (!plan_.by_hand) {
        budget_.add_attempt(turn.now);
        plan_.attempt = budget_.used(turn.now);
        remember(turn);
    }
    auto told = incident(Happening::restart,
                         plan_.by_hand
                             ? plan_.reason
                             : fmt::format("attempt {} of {}: {}", plan_.attempt, spec_.restart.attempts, plan_.reason),
                         turn);
    told.attempt = plan_.attempt;
    told.count = total();
    report(std::move(told), turn);
    plan_.killed = false;
    plan_.command_pid = 0;
    turn.desk.restarts.erase(std::exchange(outstanding_, {}).id);
    stop_members(turn);
}

void Watch::stop_members(Turn& turn) {
    plan_.victims = to_end(turn);
    if (plan_.victims.empty()) {
        start(turn);
        return;
    }
    if (spec_.restart.stop.empty()) {
        end_victims(turn);
        return;
    }
    plan_.phase = Plan::Phase::stopping;
    plan_.deadline = turn.now + spec_.restart.timeout + command_slack;
    auto why = incident(Happening::restart, plan_.reason, turn);
    why.attempt = plan_.attempt;
    plan_.command = run(spec_.restart.stop, why, "stop", turn);
    turn.desk.restarts[plan_.command] = this;
}

void Watch::end_victims(Turn& turn) {
    plan_.phase = Plan::Phase::ending;
    plan_.deadline = turn.now + spec_.restart.kill_after;
    signal_victims(spec_.restart.signal, turn);
}

bool Watch::may_be_ended(const Identity& id, const Turn& turn) const {
    const auto* entry = turn.desk.table.find(id);
    return id.pid > 1 && !turn.desk.own_pids.contains(id.pid) && entry != nullptr && !entry->process.kernel_thread;
}

std::set<Identity> Watch::members_to_end(const Turn& turn) const {
    std::set<Identity> ids;
    for (const auto& id : members()) {
        if (may_be_ended(id, turn)) ids.insert(id);
    }
    return ids;
}

// A restart command sees to those that still listen; who hangs would make it wait, or be left beside its successor.
std::set<Identity> Watch::to_end(const Turn& turn) const {
    return spec_.restart.command.empty() ? members_to_end(turn) : hung_to_end(turn);
}

void Watch::end_members(Turn& turn) {
    if (plan_.victims.empty()) {
        // Whoever joined them meanwhile has to go as well, within the same time.
        plan_.victims = to_end(turn);
        if (plan_.victims.empty()) {
            start(turn);
            return;
        }
        signal_victims(plan_.killed ? SIGKILL : spec_.restart.signal, turn);
    }
    if (turn.now < plan_.deadline) return;
    if (plan_.killed) {
        // In D, most likely. A second copy beside it would be worse than none, and no further attempt ends it either.
        const bool hang = std::ranges::any_of(
            findings_, [&](const auto& pair) { return plan_.victims.contains(pair.second.process); });
        if (hang) {
            escalate(
                fmt::format("pid {} can't be ended, not even by SIGKILL: {}", plan_.victims.begin()->pid, plan_.reason),
                turn);
            return;
        }
        attempt_failed(fmt::format("{} processes can't be ended, not even by SIGKILL", plan_.victims.size()), turn);
        return;
    }
    plan_.deadline = turn.now + spec_.restart.kill_after;
    signal_victims(SIGKILL, turn);
}

void Watch::signal_victims(int signal, Turn& turn) {
    plan_.killed = plan_.killed || signal == SIGKILL;
    for (const auto& id : plan_.victims) {
        turn.out.emplace_back(Signal{.id = id, .signal = signal});
        // Who is stopped hears nothing but SIGKILL, and is given the time to hear this.
        const bool stopped = std::ranges::any_of(findings_, [&](const auto& pair) {
            return pair.second.kind == HangKind::stopped && pair.second.process == id;
        });
        if (stopped && signal != SIGKILL) turn.out.emplace_back(Signal{.id = id, .signal = SIGCONT});
    }
}

void Watch::start(Turn& turn) {
    plan_.phase = Plan::Phase::starting;
    plan_.deadline = turn.now + spec_.restart.timeout + command_slack;
    plan_.command_pid = 0;
    auto why = incident(Happening::restart, plan_.reason, turn);
    why.attempt = plan_.attempt;
    const auto& argv = spec_.restart.command.empty() ? spec_.restart.start : spec_.restart.command;
    plan_.command = run(argv, why, spec_.restart.command.empty() ? "start" : "restart", turn);
    turn.desk.restarts[plan_.command] = this;
}

void Watch::command_started(const CommandStarted& started, Turn& turn) {
    if (started.id != plan_.command) return;
    plan_.command_pid = started.pid;
    // Its exec may have been told before its pid was.
    const auto is_it = [&](const Identity& id) { return id.pid == started.pid; };
    if (plan_.phase == Plan::Phase::starting && std::ranges::any_of(members(), is_it)) adopt(turn);
}

// The start command is the service itself: it runs as long as that does.
void Watch::adopt(Turn& turn) {
    turn.out.emplace_back(AdoptCommand{plan_.command});
    turn.desk.restarts.erase(plan_.command);
    plan_.command = 0;
    settle(turn);
}

void Watch::command_ended(const CommandEnded& ended, Turn& turn) {
    turn.desk.restarts.erase(ended.id);
    if (ended.id == outstanding_.id) outstanding_ = {};
    if (ended.id != plan_.command) return;
    plan_.command = 0;
    if (plan_.phase == Plan::Phase::stopping) {
        // Whatever it answered: what counts is whether they are gone.
        plan_.phase = Plan::Phase::ending;
        plan_.deadline = turn.now + spec_.restart.kill_after;
        return;
    }
    if (plan_.phase != Plan::Phase::starting) return;
    const bool fine = ended.error.empty() && !ended.timed_out && ended.signal == 0 && ended.exit_code == 0;
    if (fine) {
        settle(turn);
    } else {
        attempt_failed("the command " + tell(ended), turn);
    }
}

void Watch::probed(const Probed& /*probed*/, Turn& /*turn*/) {}

void Watch::settle(Turn& turn) {
    plan_.phase = Plan::Phase::settling;
    plan_.settling_from = turn.now;
    plan_.held_since.reset();
    plan_.deadline = turn.now + std::max(spec_.restart.settle, least_grace);
    make_restless();
}

void Watch::advance_plan(Turn& turn) {
    switch (plan_.phase) {
    case Plan::Phase::none: return;
    case Plan::Phase::waiting:
        if (mended()) { // it came back by itself
            drop_plan(turn);
        } else if (turn.now >= plan_deadline()) {
            attempt(turn);
        }
        return;
    case Plan::Phase::stopping:
    case Plan::Phase::starting:
        if (turn.now >= plan_.deadline) {
            turn.desk.restarts.erase(std::exchange(plan_.command, 0));
            attempt_failed("nothing was heard of the command", turn);
        }
        return;
    case Plan::Phase::ending: end_members(turn); return;
    case Plan::Phase::settling: break;
    }
    if (!mended()) {
        if (plan_.held_since) {
            attempt_failed("it did not last: " + last_loss_, turn);
        } else if (turn.now >= plan_.deadline) {
            attempt_failed(
                fmt::format("{} running {} after the command", total(), tell(turn.now - plan_.settling_from)), turn);
        }
        return;
    }
    if (!plan_.held_since) plan_.held_since = turn.now;
    plan_.deadline = *plan_.held_since + spec_.restart.settle;
    if (turn.now >= plan_.deadline) recovered(turn);
}

// Too many are a restart's business only if the rule says so.
bool Watch::mended() const {
    return to_act_on() == nullptr && std::ranges::all_of(buckets_, [&](const auto& pair) {
               const auto range = pair.second.judgement.range();
               return range == Range::in || (range == Range::over && spec_.count.over != Over::restart);
           });
}

Time Watch::plan_deadline() const {
    return plan_.phase == Plan::Phase::waiting ? std::max(plan_.deadline, outstanding_.until) : plan_.deadline;
}

void Watch::attempt_failed(const std::string& why, Turn& turn) {
    auto told = incident(Happening::restart_failed, why, turn);
    told.attempt = plan_.attempt;
    told.count = total();
    report(std::move(told), turn);
    if (plan_.by_hand) {
        drop_plan(turn);
    } else if (budget_.spent(turn.now)) {
        escalate(fmt::format("{} restarts within {} are spent; the last one failed: {}", budget_.used(turn.now),
                             tell(spec_.restart.window), why),
                 turn);
    } else {
        plan_.phase = Plan::Phase::waiting;
        plan_.deadline = turn.now + budget_.next_delay(turn.desk.dice);
        make_restless();
    }
}

void Watch::recovered(Turn& turn) {
    for (auto& [value, bucket] : buckets_) {
        if (bucket.judgement.range() != Range::in) continue;
        bucket.judgement.end();
        bucket.acted = false;
    }
    auto told = incident(Happening::recovered,
                         fmt::format("{} running and held for {}, {} after it began", total(),
                                     tell(spec_.restart.settle), tell(turn.now - plan_.began)),
                         turn);
    told.attempt = plan_.attempt;
    told.count = total();
    drop_plan(turn);
    last_loss_.clear();
    last_lost_ = 0;
    report(std::move(told), turn);
}

void Watch::drop_plan(Turn& turn) {
    if (plan_.command != 0) await(outstanding(), turn);
    plan_ = {};
    make_restless();
}

Watch::Outstanding Watch::outstanding() const {
    return plan_.command != 0 ? Outstanding{.id = plan_.command, .until = plan_.deadline} : outstanding_;
}

void Watch::await(Outstanding command, Turn& turn) {
    outstanding_ = command;
    if (command.id != 0) turn.desk.restarts[command.id] = this;
}

void Watch::escalate(const std::string& why, Turn& turn) {
    // Without a restart there is no budget to be spent, and nothing to latch: it is failed as long as it is out of
    // range.
    exhausted_ = spec_.restart.possible();
    exhausted_reason_ = exhausted_ ? why : "";
    auto told = incident(Happening::escalated, why, turn);
    told.attempt = plan_.attempt;
    told.count = total();
    drop_plan(turn);
    if (exhausted_) remember(turn);
    report(told, turn);
    if (spec_.escalate.action == EscalateAction::run) run(spec_.escalate.command, told, "escalate", turn);
    if (spec_.escalate.action == EscalateAction::exit)
        turn.out.emplace_back(Quit{.exit_code = spec_.escalate.exit_code, .why = spec_.name + ": " + why});
}

} // namespace nezuban
