// How a restart ends: it holds, or the attempt has failed, or it is given up.
#include "core/tell.hpp"
#include "engine/watch.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace nezuban {

namespace {

// A start command may return before what it started has exec'ed: without a settle time we still give it so long.
constexpr Duration least_grace = 1s;

} // namespace

void Watch::settle(Turn& turn) {
    plan_.phase = Plan::Phase::settling;
    plan_.settling_from = turn.now;
    plan_.ready_until = turn.now + spec_.ready.timeout;
    plan_.held_since.reset();
    plan_.ready = false;
    unready_ = spec_.ready.wanted();
    plan_.check_at = turn.now;
    const auto patience = spec_.ready.wanted() ? spec_.ready.timeout : Duration::zero();
    plan_.deadline = turn.now + std::max({spec_.restart.settle, least_grace, patience});
    make_restless();
}

void Watch::step_settling(Turn& turn) {
    if (!mended()) {
        if (plan_.held_since) {
            attempt_failed("it did not last: " + last_loss_.how, turn);
        } else if (turn.now >= plan_.deadline && std::exchange(plan_.unsure, false)) {
            plan_.phase = Plan::Phase::clearing;
            make_restless();
        } else if (const auto* finding = to_act_on(); finding != nullptr && turn.now >= plan_.deadline) {
            attempt_failed("it still hangs: " + finding->reason, turn);
        } else if (turn.now >= plan_.deadline) {
            attempt_failed(
                fmt::format("{} running {} after the command", total(), tell(turn.now - plan_.settling_from)), turn);
        }
        return;
    }
    if (!plan_.held_since) plan_.held_since = turn.now;
    if (spec_.ready.wanted() && !plan_.ready) {
        look_whether_ready(turn);
        return;
    }
    plan_.deadline = *plan_.held_since + spec_.restart.settle;
    if (turn.now >= plan_.deadline) recovered(turn);
}

// Too many are a restart's business only if the rule says so.
bool Watch::mended() const {
    return to_act_on() == nullptr && !any_uneasy([&](const Judgement& judgement) {
               return judgement.range() == Range::under
                      || (judgement.range() == Range::over && spec_.count.over == Over::restart);
           });
}

void Watch::attempt_failed(const std::string& why, Turn& turn) {
    stop_asking(turn);
    if (plan_.asks && !may_act()) { // nothing follows of it
        drop_plan(turn);
        return;
    }
    if (std::exchange(plan_.asks, false) && !fallen_) fell(turn.now, last_loss_.pid, plan_.reason, turn);
    auto told = incident(Happening::restart_failed, why, turn);
    told.attempt = plan_.attempt;
    told.count = total();
    report(std::move(told), turn);
    const auto spent = why_spent(turn);
    if (plan_.by_hand) {
        drop_plan(turn);
    } else if (spent && turn.desk.kin.may_start(*this)) {
        escalate(fmt::format("{}; the last one failed: {}", *spent, why), turn);
    } else {
        plan_.phase = Plan::Phase::waiting;
        plan_.owed = std::exchange(plan_.pulled, false) || plan_.owed;
        // A consequence pays no attempt, which would make the delay grow; but to fail at once again helps nobody.
        const auto least = plan_.consequence ? spec_.restart.delay : Duration::zero();
        plan_.deadline = turn.now + std::max(budget_.next_delay(turn.desk.dice), least);
        make_restless();
        remember(turn);
    }
}

void Watch::recovered(Turn& turn) {
    leaving_.clear(); // the command has waited for them
    for (const auto& value : std::set(uneasy_)) {
        auto& bucket = buckets_.at(value);
        if (bucket.judgement.range() != Range::in) continue;
        bucket.judgement.end();
        bucket.acted = false;
        note(value, bucket);
    }
    auto told = incident(Happening::recovered,
                         fmt::format("{} running and held for {}, {} after it began", total(),
                                     tell(spec_.restart.settle), tell(turn.now - plan_.began)),
                         turn);
    told.attempt = plan_.attempt;
    told.count = total();
    drop_plan(turn);
    last_loss_ = {};
    report(std::move(told), turn);
}

void Watch::escalate(const std::string& why, Turn& turn, const std::string& value) {
    // Without a restart there is no budget to be spent, and nothing to latch: it is failed as long as it is out of
    // range.
    exhausted_ = spec_.restart.possible();
    exhausted_reason_ = exhausted_ ? why : "";
    const bool page = spec_.escalate.action == EscalateAction::run;
    page_owed_ = exhausted_ && page;
    auto told = incident(Happening::escalated, why, turn);
    told.attempt = plan_.attempt;
    told.count = total();
    drop_plan(turn);
    if (exhausted_) remember(turn);
    report(told, turn);
    if (page) call({.kind = CallKind::escalate, .value = value}, told, turn);
    if (spec_.escalate.action == EscalateAction::exit)
        turn.out.emplace_back(Quit{.exit_code = spec_.escalate.exit_code, .why = spec_.name + ": " + why});
}

} // namespace nezuban
