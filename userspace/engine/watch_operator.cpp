// What the operator wants of a rule.
#include "core/tell.hpp"
#include "engine/watch.hpp"

#include <utility>

namespace nezuban {

void Watch::pause(std::optional<Time> until, Turn& turn) {
    const bool was = std::exchange(paused_, true);
    paused_until_ = until;
    drop_plan(turn);
    remember(turn);
    if (was) return;
    report(incident(Happening::paused,
                    until ? "maintenance for " + tell(*until - turn.now) : std::string("maintenance until resumed"),
                    turn),
           turn);
}

void Watch::resume(Turn& turn, const std::string& why) {
    if (!std::exchange(paused_, false)) return;
    paused_until_.reset();
    make_restless();
    remember(turn);
    report(incident(Happening::resumed, why, turn), turn);
}

std::optional<std::string> Watch::why_no_restart() const {
    if (!spec_.restart.possible()) return "it has no restart.command and no restart.start";
    if (exhausted_) return "it is exhausted: `nezuban reset " + spec_.name + "` first";
    if (restarting()) return "a restart is under way already";
    if (outstanding_.id != 0) return "the command of an earlier restart is still running";
    if (!judging_) return "its processes are not known yet";
    return std::nullopt;
}

void Watch::restart_by_hand(Turn& turn) {
    stop_asking(turn);
    plan_ = {.reason = "asked for by the operator", .by_hand = true, .began = turn.now};
    fell(turn.now, 0, plan_.reason, turn);
    attempt(turn);
}

void Watch::take(RuleSpec spec, Turn& turn) {
    const auto before = std::exchange(spec_, std::move(spec));
    if (before.ready != spec_.ready) {
        if (!spec_.ready.wanted() && std::exchange(unready_, false)) remember(turn);
        if (plan_.phase == Plan::Phase::settling) {
            if (plan_.check != 0) end_question(before.ready, turn);
            settle(turn); // it is asked as it is said now
        }
    }
    if (before.hang != spec_.hang) {
        // What is looked for anew, and how patiently, is found by the next look.
        findings_.take_all();
        beat_due_from_ = turn.now;
        last_beat_.reset();
        touched_.reset();
        for (const auto& id : members())
            watch_stalls(id, turn);
    }
    make_restless();
}

void Watch::reset(Turn& turn) {
    exhausted_ = false;
    exhausted_reason_.clear();
    page_owed_ = false;
    budget_.clear();
    for (auto& [value, bucket] : buckets_) {
        bucket.acted = false;
    }
    // One that is under way goes on: what it has stopped has to be started, and who wasn't ready has to become so.
    // Where it was given up, the operator's word is that it is well.
    if (plan_.phase == Plan::Phase::waiting) plan_.deadline = turn.now;
    if (!mending()) unready_ = false;
    make_restless();
    remember(turn);
    report(incident(Happening::reset, "attempts and latch cleared by the operator", turn), turn);
}

} // namespace nezuban
