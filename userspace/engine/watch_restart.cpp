// The restart of one rule, from its reason to its end:
//
//   waiting -> clearing -> [stopping -> ending ->] holding -> starting -> settling -> recovered
//      ^------------------ failed, while the budget lasts ------------------'
//
// clearing and holding are the gates of docs/adr/0009-groups-by-gates.md: open at once for a rule without relatives.
#include "core/tell.hpp"
#include "engine/watch.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace nezuban {

namespace {

std::string names_of(const std::vector<const Watch*>& watches) {
    std::vector<std::string_view> names;
    names.reserve(watches.size());
    for (const auto* watch : watches) {
        names.push_back(watch->spec().name);
    }
    return fmt::format("{}", fmt::join(names, ", "));
}

} // namespace

void Watch::begin_plan(std::string reason, Turn& turn) {
    if (!fallen_) fell(turn.now, last_loss_.pid, reason, turn); // too many, say: nobody is missed, nobody hangs
    plan_ = {.reason = std::move(reason), .began = turn.now};
    plan_.consequence = !turn.desk.kin.may_start(*this);
    if (!plan_.consequence) {
        if (const auto spent = why_spent(turn)) {
            escalate(fmt::format("{}: {}", *spent, plan_.reason), turn);
            return;
        }
    }
    plan_.phase = Plan::Phase::waiting;
    plan_.deadline = turn.now + (plan_.consequence ? Duration::zero() : budget_.next_delay(turn.desk.dice));
    advance_plan(turn);
}

std::optional<std::string> Watch::why_spent(const Turn& turn) const {
    if (budget_.spent(turn.now))
        return fmt::format("{} restarts within {} are spent", budget_.used(turn.now), tell(spec_.restart.window));
    const auto* group = turn.desk.kin.group_of(*this);
    if (group != nullptr && group->spent(turn.now)) return group->tell_spent(turn.now);
    return std::nullopt;
}

void Watch::attempt(Turn& turn) {
    auto text = plan_.reason;
    const auto first = turn.desk.kin.unmet(*this);
    plan_.attempt = 0;
    plan_.token.clear();
    if (!plan_.by_hand && !plan_.consequence) {
        budget_.add_attempt(turn.now);
        plan_.attempt = budget_.used(turn.now);
        text = fmt::format("attempt {} of {}: {}", plan_.attempt, spec_.restart.attempts, plan_.reason);
        if (auto* group = turn.desk.kin.group_of(*this); group != nullptr && group->spec().attempts) {
            group->add_attempt(turn.now);
            turn.out.emplace_back(Remember{group->memory()});
        }
    }
    if (!first.empty() && !plan_.pulled) text += fmt::format("; first comes {}", names_of(first));
    plan_.killed = false;
    plan_.emptied = false;
    plan_.command_pid = 0;
    plan_.waited = false;
    plan_.phase = Plan::Phase::clearing;
    auto told = incident(Happening::restart, std::move(text), turn);
    told.attempt = plan_.attempt;
    told.count = total();
    report(std::move(told), turn);
    remember(turn);
    if (!plan_.pulled && !turn.desk.kin.followers(*this).empty()) {
        make_way(turn);
        remember(turn);
    }
}

void Watch::make_way(Turn& turn) {
    const auto& kin = turn.desk.kin;
    for (auto* follower : kin.followers(*this)) {
        // With the policy `all`, the cause takes the whole group along; what came of it takes those along that require
        // it.
        if (!plan_.consequence || kin.requires_it(*follower, *this)) follower->give_way(*this, turn);
    }
    plan_.way_made = true;
}

RunCommand& Watch::run_step(const Argv& argv, const std::string& what, Turn& turn) {
    plan_.token = next_token(turn);
    plan_.command_pid = 0;
    plan_.command_started = false;
    remember(turn); // first: whoever follows us has to know of a command that may have been started
    auto why = incident(Happening::restart, plan_.reason, turn);
    why.attempt = plan_.attempt;
    auto& command = run(argv, why, what, turn);
    command.environment.emplace_back("NEZUBAN_RUN", plan_.token);
    plan_.command = command.id;
    turn.desk.restarts[plan_.command] = this;
    return command;
}

void Watch::start(Turn& turn) {
    plan_.emptied = members_ == 0;
    plan_.phase = Plan::Phase::starting;
    const bool one = !spec_.restart.command.empty();
    run_step(one ? spec_.restart.command : spec_.restart.start, one ? "restart" : "start", turn).after = leaving_;
}

void Watch::command_started(const CommandStarted& started, Turn& turn) {
    call_started(started.id, turn);
    const auto late = turn.now + spec_.restart.timeout + command_slack;
    if (started.id == outstanding_.id) {
        outstanding_.pid = started.pid;
        if (!outstanding_.until) outstanding_.until = late;
        remember(turn);
    }
    if (started.id != plan_.command) return;
    plan_.command_pid = started.pid;
    plan_.command_started = true;
    plan_.deadline = late;
    remember(turn); // by its pid it is found again more surely than by the token, which its children have as well
    // Its exec may have been told before its pid was.
    if (plan_.phase == Plan::Phase::starting && has(started.pid)) adopt(turn);
}

// The start command is the service itself: it runs as long as that does.
void Watch::adopt(Turn& turn) {
    if (plan_.command != 0) {
        turn.desk.commands[plan_.command].is_service = true;
        turn.out.emplace_back(AdoptCommand{plan_.command});
    }
    turn.desk.restarts.erase(std::exchange(plan_.command, 0));
    forget_orphan(turn);
    settle(turn);
}

void Watch::command_ended(const CommandEnded& ended, Turn& turn) {
    turn.desk.restarts.erase(ended.id);
    if (ended.id == outstanding_.id) outstanding_ = {};
    call_ended(ended, turn);
    const bool fine = well_ended(ended);
    if (ended.id == plan_.check) {
        take_readiness(fine ? "" : "the command " + tell(ended), turn);
        return;
    }
    if (ended.id != plan_.command) return;
    plan_.command = 0;
    if (plan_.phase == Plan::Phase::stopping) {
        // Whatever it answered: what counts is whether they are gone.
        begin_ending(turn);
        return;
    }
    if (plan_.phase != Plan::Phase::starting) return;
    if (fine) {
        settle(turn);
    } else {
        attempt_failed("the command " + tell(ended), turn);
    }
}

bool Watch::well_ended(const CommandEnded& ended) {
    return ended.error.empty() && !ended.timed_out && ended.signal == 0 && ended.exit_code == 0;
}

void Watch::advance_plan(Turn& turn) {
    while (step(turn)) {
    }
}

bool Watch::step(Turn& turn) {
    switch (plan_.phase) {
    case Plan::Phase::none: return false;
    case Plan::Phase::waiting:
        // It came up after all, later than we had patience; and if none need be there, it has to be there.
        if (plan_.emptied && members_ > 0) plan_.owed = false;
        if (mended() && !unready_ && !plan_.owed) { // it came back by itself
            drop_plan(turn);
            return false;
        }
        if (turn.now < plan_.deadline || waits_for_outstanding(turn)) return false;
        plan_.consequence = !plan_.by_hand && !turn.desk.kin.may_start(*this);
        if (!plan_.consequence && !plan_.by_hand) {
            if (const auto spent = why_spent(turn)) {
                escalate(fmt::format("{}: {}", *spent, plan_.reason), turn);
                return false;
            }
        }
        attempt(turn);
        return true;
    case Plan::Phase::clearing:
        // One step of a rule at a time: what was broken off may still bring somebody up.
        if (turn.desk.kin.in_the_way(*this) || waits_for_command(turn)) {
            plan_.waited = true;
            return false;
        }
        if (std::exchange(plan_.waited, false) && !plan_.pulled && !plan_.by_hand && !unready_ && mended()) {
            drop_plan(turn);
            return false;
        }
        stop_members(turn);
        return true;
    case Plan::Phase::stopping:
    case Plan::Phase::starting:
        if (orphan_.pid != 0) {
            end_orphan_in_time(turn);
            if (orphan_.pid != 0) return false;
            attempt_failed("a command of the daemon before us can't be ended", turn);
            return false;
        }
        if (plan_.command_started && turn.now >= plan_.deadline) {
            break_off(turn);
            attempt_failed("nothing was heard of the command", turn);
        }
        return false;
    case Plan::Phase::ending: return end_members(turn);
    case Plan::Phase::holding: return hold(turn);
    case Plan::Phase::settling: step_settling(turn); return false;
    }
    return false;
}

// One of a plan that was dropped, or of the daemon before us.
bool Watch::waits_for_command(Turn& turn) {
    end_orphan_in_time(turn);
    return waits_for_outstanding(turn) || orphan_.pid != 0;
}

// Its end will be told: that is promised of every command. Until then it may still run.
bool Watch::waits_for_outstanding(Turn& turn) {
    if (outstanding_.id != 0 && outstanding_.until && turn.now >= *outstanding_.until) {
        turn.out.emplace_back(EndCommand{outstanding_.id});
        outstanding_.until = turn.now + command_slack;
    }
    return outstanding_.id != 0;
}

// It is ended, and its end waited for.
void Watch::break_off(Turn& turn) {
    turn.out.emplace_back(EndCommand{plan_.command});
    auto command = outstanding();
    command.until = turn.now + command_slack;
    plan_.command = 0;
    await(std::move(command), turn);
}

// True: it goes on.
bool Watch::hold(Turn& turn) {
    if (waits_for_command(turn) || !turn.desk.kin.may_start(*this)) {
        plan_.waited = true;
        return false;
    }
    if (std::exchange(plan_.waited, false)) {
        // Somebody else was faster. Who only waited for his turn is well; who has to be restarted came too early.
        if (!plan_.pulled && !plan_.by_hand && !unready_ && mended()) {
            drop_plan(turn);
            return false;
        }
        if (!to_end(turn).empty()) {
            stop_members(turn);
            return true;
        }
    }
    start(turn);
    return true;
}

std::optional<Time> Watch::plan_deadline() const {
    switch (plan_.phase) {
    case Plan::Phase::none: return std::nullopt;
    case Plan::Phase::waiting:
        if (outstanding_.id == 0) return plan_.deadline;
        return outstanding_.until ? std::optional(std::max(plan_.deadline, *outstanding_.until)) : std::nullopt;
    case Plan::Phase::clearing:
    case Plan::Phase::holding:
        if (outstanding_.id != 0) return outstanding_.until;
        return orphan_.pid != 0 ? std::optional(orphan_until_) : std::nullopt;
    case Plan::Phase::settling: return plan_.deadline;
    case Plan::Phase::ending:
        if (!plan_.unheard.empty()) return plan_.say_again_at;
        return orphan_.pid != 0 ? orphan_until_ : plan_.deadline;
    case Plan::Phase::stopping:
    case Plan::Phase::starting:
        if (orphan_.pid != 0) return orphan_until_;
        return plan_.command_started ? std::optional(plan_.deadline) : std::nullopt;
    }
    return std::nullopt;
}

void Watch::drop_plan(Turn& turn) {
    const bool remembered = plan_.phase > Plan::Phase::waiting && !plan_.asks;
    stop_asking(turn);
    // What has begun is finished; what hasn't must not begin when nobody wants it any more.
    if (plan_.command != 0 && !plan_.command_started)
        break_off(turn);
    else if (plan_.command != 0)
        await(outstanding(), turn);
    plan_ = {};
    make_restless();
    if (remembered) remember(turn);
}

Watch::Outstanding Watch::outstanding() const {
    if (plan_.command == 0) return outstanding_;
    return {.id = plan_.command,
            .until = plan_.command_started ? std::optional(plan_.deadline) : std::nullopt,
            .token = plan_.token,
            .pid = plan_.command_pid};
}

void Watch::await(Outstanding command, Turn& turn) {
    if (command.id != 0) turn.desk.restarts[command.id] = this;
    outstanding_ = std::move(command);
}

} // namespace nezuban
