// What is remembered of a rule, and how a restart goes on that the daemon before us had begun.
#include "engine/watch.hpp"

#include <csignal>
#include <utility>

#include <fmt/format.h>

namespace nezuban {

void Watch::restore(const RuleMemory& memory) {
    budget_.restore(memory);
    exhausted_ = memory.exhausted;
    exhausted_reason_ = memory.exhausted_reason;
    paused_ = memory.paused;
    if (memory.paused) paused_until_ = memory.paused_until;
    page_owed_ = exhausted_ && memory.page_owed;
    if (page_owed_)
        owed_[{CallKind::escalate, ""}] = {.kind = CallKind::escalate,
                                           .reason = exhausted_reason_,
                                           .attempt = static_cast<std::uint32_t>(memory.attempts.size())};
    unready_ = memory.unready && spec_.ready.wanted();
    resume_ = memory.plan;
    if (resume_ && (paused_ || exhausted_ || !spec_.restart.possible())) resume_->dropped = true;
}

RuleMemory Watch::memory() const {
    RuleMemory memory{.rule = spec_.name,
                      .attempts = {},
                      .exhausted = exhausted_,
                      .exhausted_reason = exhausted_reason_,
                      .page_owed = page_owed_,
                      .unready = unready_,
                      .paused = paused_,
                      .paused_until = paused_until_};
    budget_.store(memory);
    // Before the first step nothing has been done that a new daemon would not begin anew by itself.
    if (plan_.phase > Plan::Phase::waiting && !plan_.asks)
        memory.plan = PlanMemory{.reason = plan_.reason,
                                 .attempt = plan_.attempt,
                                 .by_hand = plan_.by_hand,
                                 .consequence = plan_.consequence,
                                 .way_made = plan_.way_made,
                                 .started = plan_.phase >= Plan::Phase::starting};
    else if (outstanding_.id != 0 || orphan_.pid != 0)
        memory.plan = PlanMemory{.reason = {}, .dropped = true};
    if (!memory.plan) return memory;
    // Between its steps a plan has no command of its own: what it left behind carries the token of the last one too.
    if (!plan_.asks && (plan_.phase == Plan::Phase::stopping || plan_.phase >= Plan::Phase::starting)) {
        memory.plan->token = plan_.token;
        memory.plan->command.pid = plan_.command_pid;
    } else if (outstanding_.id != 0) {
        memory.plan->token = outstanding_.token;
        memory.plan->command.pid = outstanding_.pid;
    } else if (orphan_.pid != 0) {
        memory.plan->token = orphan_token_;
        memory.plan->command = orphan_;
    }
    return memory;
}

void Watch::remember(Turn& turn) const {
    turn.out.emplace_back(Remember{memory()});
}

std::string Watch::next_token(const Turn& turn) {
    return fmt::format("{}.{}", turn.desk.mark, turn.desk.next_command);
}

bool Watch::has_to_go_on(const PlanMemory& memory, const ProcessTable& table) const {
    const bool runs = memory.command.pid != 0 && table.find(memory.command) != nullptr;
    return memory.started || memory.by_hand || runs || members_ == 0;
}

bool Watch::is_yet_to_be_stopped(const ProcessTable& table) const {
    if (resume_) return !resume_->dropped && !resume_->started && has_to_go_on(*resume_, table);
    return plan_.phase > Plan::Phase::waiting && plan_.phase < Plan::Phase::starting;
}

// Somebody has put everything in order meanwhile. Who was to be restarted by one command has never been stopped, so
// that it runs says nothing about it: once more is better than not at all, unless what it requires had been given up;
// whoever mended that has seen to what was to follow.
bool Watch::is_in_order(const PlanMemory& memory, const Desk& desk) const {
    if (has_to_go_on(memory, desk.table) || !present() || !desk.kin.needs_nothing(*this, desk.table)) return false;
    const bool went_on = memory.consequence && !spec_.restart.command.empty() && desk.kin.follows_somebody(*this);
    return !went_on || desk.kin.requires_what_was_given_up(*this);
}

// A command that still runs is waited for, and never run a second time beside it. How it ended can't be known, because
// it is not our child: whether it has mended the rule is seen by the count.
void Watch::resume_plan(Turn& turn) {
    const auto memory = *std::exchange(resume_, std::nullopt);
    if (memory.dropped) {
        if (memory.command.pid != 0 && turn.desk.table.find(memory.command) != nullptr) wait_for_orphan(memory, turn);
        return;
    }
    const bool runs = memory.command.pid != 0 && turn.desk.table.find(memory.command) != nullptr;
    if (is_in_order(memory, turn.desk)) {
        remember(turn);
        return;
    }
    if (memory.consequence) {
        if (auto* group = turn.desk.kin.group_of(*this)) group->followed(spec_.name);
    } else {
        fell(turn.now, 0, memory.reason, turn);
    }
    plan_ = {.reason = memory.reason,
             .by_hand = memory.by_hand,
             .consequence = memory.consequence,
             .pulled = memory.consequence,
             .way_made = memory.way_made,
             .token = memory.token,
             .attempt = memory.attempt,
             .began = turn.now};
    auto told = incident(Happening::restart_resumed,
                         "the daemon before us was ended in the middle of it: " + memory.reason, turn);
    told.attempt = plan_.attempt;
    told.count = total();
    report(std::move(told), turn);
    if (runs && !(memory.started && has(memory.command.pid))) {
        wait_for_orphan(memory, turn);
        plan_.command_pid = orphan_.pid;
        plan_.phase = memory.started ? Plan::Phase::starting : Plan::Phase::stopping;
    } else if (memory.started) {
        // Asked for, and no more is known: it may have ended, or never have begun.
        plan_.unsure = memory.command.pid == 0 && !memory.ended;
        settle(turn);
        // One that runs says nothing about whether it was restarted: once more is better than not at all.
        if (plan_.unsure && plan_.pulled && !spec_.restart.command.empty()) plan_.phase = Plan::Phase::clearing;
    } else {
        plan_.phase = Plan::Phase::clearing;
    }
    if (!memory.started && !plan_.pulled && (!plan_.way_made || plan_.by_hand)) make_way(turn);
    remember(turn);
}

void Watch::wait_for_orphan(const PlanMemory& memory, Turn& turn) {
    orphan_ = memory.command;
    orphan_token_ = memory.token;
    orphan_until_ = turn.now + spec_.restart.timeout;
    orphan_signal_ = 0;
    turn.desk.orphans[orphan_] = this;
}

// Nobody else ends it when its time is over. It alone: who belongs to it is not known to us.
void Watch::end_orphan_in_time(Turn& turn) {
    constexpr Duration to_obey = 2s;
    if (orphan_.pid == 0 || turn.now < orphan_until_) return;
    if (orphan_signal_ == SIGKILL) {
        forget_orphan(turn);
        return;
    }
    const bool first = orphan_signal_ == 0;
    orphan_signal_ = first ? SIGTERM : SIGKILL;
    orphan_until_ = turn.now + (first ? to_obey : command_slack);
    turn.out.emplace_back(Signal{.id = orphan_, .signal = orphan_signal_});
}

void Watch::orphan_unheard(Time now) {
    orphan_signal_ = orphan_signal_ == SIGKILL ? SIGTERM : 0;
    orphan_until_ = now + between_tries;
}

void Watch::inherit(const Watch& before, Turn& turn) {
    await(before.outstanding(), turn);
    leaving_ = before.leaving_;
    if (before.orphan_.pid == 0) return;
    orphan_ = before.orphan_;
    orphan_token_ = before.orphan_token_;
    orphan_until_ = before.orphan_until_;
    orphan_signal_ = before.orphan_signal_;
    turn.desk.orphans[orphan_] = this;
}

void Watch::forget_orphan(Turn& turn) {
    turn.desk.orphans.erase(std::exchange(orphan_, {}));
}

void Watch::orphan_ended(Turn& turn) {
    orphan_ = {};
    if (plan_.command != 0) return; // a step of our own is under way
    if (plan_.phase == Plan::Phase::starting) settle(turn);
    if (plan_.phase == Plan::Phase::stopping) plan_.phase = Plan::Phase::clearing;
}

} // namespace nezuban
