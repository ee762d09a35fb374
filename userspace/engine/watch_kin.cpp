// A rule among those that require it and that it requires: see docs/adr/0009-groups-by-gates.md.
#include "core/tell.hpp"
#include "engine/watch.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace nezuban {

void Watch::give_way(const Watch& cause, Turn& turn) {
    if (resume_ && judging_) resume_plan(turn);
    if (paused_ || exhausted_ || !judging_ || !spec_.restart.possible()) return;
    switch (plan_.phase) {
    case Plan::Phase::none:
        if (members_ == 0 && (spec_.count.min == 0 || spec_.count.per)) return; // it isn't there, and need not be
        break;
    case Plan::Phase::waiting: // its own next attempt will find everything else in place
        plan_.owed = true;
        plan_.emptied = false;
        return;
    case Plan::Phase::clearing:
    case Plan::Phase::stopping:
    case Plan::Phase::ending:
    case Plan::Phase::holding: plan_.pulled = true; return;
    case Plan::Phase::starting:
        if (plan_.command != 0) break_off(turn);
        break;
    case Plan::Phase::settling: stop_asking(turn); break;
    }
    auto reason =
        fmt::format("{} requires {}, which is restarted: {}", spec_.name, cause.spec_.name, cause.plan_.reason);
    if (!turn.desk.kin.requires_it(*this, cause))
        reason = fmt::format("restarted together with {}: {}", cause.spec_.name, cause.plan_.reason);
    plan_ = {.reason = std::move(reason), .consequence = true, .pulled = true, .began = turn.now};
    if (auto* group = turn.desk.kin.group_of(*this)) group->followed(spec_.name);
    attempt(turn);
    turn.desk.woken.push_back(this);
}

bool Watch::up() const {
    if (!judged_ || resume_ || !mended() || unready_) return false;
    if (plan_.phase == Plan::Phase::settling) return plan_.ready;
    return plan_.phase == Plan::Phase::none;
}

bool Watch::being_stopped() const {
    if (resume_ && !resume_->started) return true;
    switch (plan_.phase) {
    case Plan::Phase::clearing:
    case Plan::Phase::stopping:
    case Plan::Phase::ending: return true;
    case Plan::Phase::holding:
        return outstanding_.id != 0 || orphan_.pid != 0; // a start that was broken off may still bring somebody up
    default: return false;
    }
}

bool Watch::present() const {
    return judging_ && !unready_ && members_ >= (spec_.count.per ? 0 : spec_.count.min);
}

bool Watch::lost() const {
    if (up() || !judged_) return false;
    if (exhausted_) return true;
    if (spec_.restart.possible() || paused_) return false;
    return any_uneasy([](const Judgement& judgement) { return judgement.told() == Range::under; });
}

bool Watch::calm() const {
    if (mending()) return false;
    if (paused_) return true;
    const bool hangs = findings_.oldest_restartable() != nullptr;
    return judging_ && !exhausted_ && !hangs && !any_uneasy([](const Judgement& judgement) {
               return judgement.range() == Range::under || judgement.told() == Range::under;
           });
}

bool Watch::take_change() {
    if (calm()) fallen_ = false;
    const auto now = static_cast<std::uint32_t>(plan_.phase) << 4U | (up() ? 1U : 0U) | (lost() ? 2U : 0U)
                     | (being_stopped() ? 4U : 0U) | (calm() ? 8U : 0U);
    return std::exchange(stage_, now) != now;
}

void Watch::fell(Time at, std::uint32_t pid, std::string reason, Turn& turn) {
    fallen_ = true;
    auto* group = turn.desk.kin.group_of(*this);
    if (group == nullptr) return;
    turn.desk.kin.put_to_rest(*this, *group);
    group->fell(
        {.rule = spec_.name, .at = at, .pid = pid, .reason = std::move(reason), .depth = turn.desk.kin.depth(*this)});
}

} // namespace nezuban
