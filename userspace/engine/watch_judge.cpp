// From counts to incidents, and what is done about too many.
#include "core/tell.hpp"
#include "engine/watch.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace nezuban {

namespace {

std::optional<Time> earlier(std::optional<Time> a, std::optional<Time> b) {
    if (!a) return b;
    if (!b) return a;
    return std::min(*a, *b);
}

} // namespace

void Watch::judge(Turn& turn) {
    if (paused_until_ && *paused_until_ <= turn.now) resume(turn, "the pause has ended");
    flush_tellings(turn);
    if (!judging_) return;
    if (resume_) resume_plan(turn);
    // Once more when the plan has come to an end: what it kept from being done is due now. Each time takes the plan
    // further, to where it waits for something or is exhausted.
    wake(turn.now);
    do {
        again_ = false;
        for (const auto& value : std::exchange(restless_, {})) {
            const auto bucket = buckets_.find(value);
            if (bucket != buckets_.end()) judge(value, bucket->second, turn);
        }
        judged_ = true;
        react_to_hangs(turn);
        if (unready_ && !mending() && !exhausted_ && mended()) ask_again(turn);
        advance_plan(turn);
    } while (again_);
    call_again(turn);
    forget(turn);
}

// The delay starts anew when it was healthy for long enough, whoever mended it. How long it had been before the daemon
// died is not known: then the time starts anew as well.
void Watch::forget(Turn& turn) {
    if (budget_.in_a_row() == 0) {
        forget_at_.reset();
        return;
    }
    if (mending() || to_act_on() != nullptr || !uneasy_.empty()) {
        forget_at_.reset();
        return;
    }
    if (!forget_at_) forget_at_ = turn.now + spec_.restart.forget;
    if (*forget_at_ > turn.now) return;
    forget_at_.reset();
    budget_.forget_streak();
    remember(turn);
}

void Watch::judge(const std::string& value, Bucket& bucket, Turn& turn) {
    bucket.census.mature(turn.now);
    const auto count = bucket.census.count();
    // A value of count.per exists as long as somebody has it.
    if (spec_.count.per && count == 0 && bucket.judgement.told() == Range::in) {
        drop_bucket(value);
        return;
    }
    auto range = limits();
    if (spec_.count.per && count == 0) range.min = 0;
    const auto for_max = range.max ? bucket.census.judged_for_max(*range.max) : count;
    const auto before = bucket.judgement.range();
    const auto change = bucket.judgement.update(count, for_max, range, mending(), turn.now);
    note(value, bucket);
    if (before != Range::under && bucket.judgement.range() == Range::under && left_as_it_is())
        fell(last_loss_.pid == 0 ? turn.now : last_loss_.at, last_loss_.pid,
             last_loss_.how.empty() ? tell_under(count, range.min) : last_loss_.how, turn);

    if (change == Judgement::Change::began) begin_incident(value, bucket, turn);
    if (change == Judgement::Change::ended) {
        bucket.acted = false;
        auto over =
            incident(Happening::recovered,
                     fmt::format("{} running again within the limits for {}", count, tell(spec_.restart.settle)), turn);
        over.count = count;
        if (!value.empty()) over.evidence.emplace_back("value", value);
        report(std::move(over), turn);
        if (spec_.count.per && count == 0) {
            drop_bucket(value);
            return;
        }
    }
    // By state, not by change: what could not be done while paused, exhausted or under repair is done now.
    const bool open = bucket.judgement.told() != Range::in && bucket.judgement.told() == bucket.judgement.range();
    if (open && !paused_) react(value, bucket, turn);
    auto next = earlier(bucket.judgement.due(range, mending()), bucket.census.next_maturity());
    // Whether they may be ended changes with other rules, of which this one hears nothing.
    const bool holding_down =
        open && !paused_ && spec_.count.over == Over::stop_newest && bucket.judgement.told() == Range::over;
    if (holding_down) next = earlier(next, bucket.census.next_asking());
    if (next) wake_at(value, bucket, *next);
}

void Watch::note(const std::string& value, const Bucket& bucket) {
    const bool easy = bucket.judgement.range() == Range::in && bucket.judgement.told() == Range::in;
    if (easy)
        uneasy_.erase(value);
    else
        uneasy_.insert(value);
}

void Watch::drop_bucket(const std::string& value) {
    uneasy_.erase(value);
    const auto bucket = buckets_.find(value);
    if (bucket->second.timer) timers_.erase(*bucket->second.timer);
    buckets_.erase(bucket);
}

// Not moved when what it waits for moves away: then it rings in vain, once.
void Watch::wake_at(const std::string& value, Bucket& bucket, Time time) {
    if (bucket.timer && (*bucket.timer)->first <= time) return;
    if (bucket.timer) timers_.erase(*bucket.timer);
    bucket.timer = timers_.emplace(time, value);
}

void Watch::wake(Time now) {
    while (!timers_.empty() && timers_.begin()->first <= now) {
        const auto value = std::move(timers_.extract(timers_.begin()).mapped());
        buckets_.at(value).timer.reset();
        restless_.insert(value);
    }
}

void Watch::begin_incident(const std::string& value, Bucket& bucket, Turn& turn) {
    const bool under = bucket.judgement.told() == Range::under;
    const auto count = bucket.census.count();
    std::string reason = under ? tell_under(count, spec_.count.min) : tell_over(count, *spec_.count.max);
    if (!value.empty()) reason = value + ": " + reason;
    if (under && !last_loss_.how.empty()) reason += "; " + last_loss_.how;
    if (under && last_loss_.how.empty() && count == 0) reason += "; none has been seen since the watch began";
    bucket.acted = false;
    bucket.reason = reason;
    // We have stopped it ourselves: the restart says so, and will say what becomes of it.
    const auto* group = turn.desk.kin.group_of(*this);
    const bool fallen = group != nullptr && group->fall_of(spec_.name) != nullptr;
    if (under && !fallen && plan_.phase > Plan::Phase::waiting && plan_.phase < Plan::Phase::settling) return;

    auto told = incident(under ? Happening::under : Happening::over, std::move(reason), turn);
    told.count = count;
    if (!value.empty()) told.evidence.emplace_back("value", value);
    report(std::move(told), turn);
}

void Watch::react(const std::string& value, Bucket& bucket, Turn& turn) {
    if (bucket.judgement.told() == Range::over) {
        if (spec_.count.over == Over::stop_newest) hold_down(value, bucket, turn);
        if (spec_.count.over == Over::run && !bucket.acted) {
            bucket.acted = true;
            call({.kind = CallKind::over, .value = value}, incident(Happening::over, bucket.reason, turn), turn);
        }
        if (spec_.count.over != Over::restart) return;
    }
    if (mending() || exhausted_) return;
    if (spec_.restart.possible()) {
        begin_plan(bucket.reason, turn);
    } else if (!bucket.acted) {
        bucket.acted = true;
        if (spec_.escalate.action != EscalateAction::report) escalate(bucket.reason, turn, value);
    }
}

void Watch::hold_down(const std::string& value, Bucket& bucket, Turn& turn) {
    const auto excess = bucket.census.take_excess(
        *spec_.count.max, [&](const Identity& id) { return ending_of(id, turn.desk); }, turn.now);
    if (excess.empty()) return;
    for (const auto& id : excess) {
        turn.out.emplace_back(Signal{.id = id, .signal = 9});
    }
    stopped_excess_ += excess.size();
    if (bucket.acted) {
        excess_.untold += static_cast<std::uint32_t>(excess.size());
        return;
    }
    bucket.acted = true;
    auto told =
        incident(Happening::stopped_excess,
                 fmt::format("ending the newest beyond {}: {} to begin with", *spec_.count.max, excess.size()), turn);
    told.pid = excess.front().pid;
    told.count = bucket.census.count();
    if (!value.empty()) told.evidence.emplace_back("value", value);
    report(std::move(told), turn);
    if (excess_.untold == 0) excess_.second = turn.now;
}

Census::Ending Watch::ending_of(const Identity& id, const Desk& desk) const {
    const auto* entry = desk.table.find(id);
    if (entry == nullptr || id.pid <= 1 || entry->process.kernel_thread || desk.own_pids.contains(id.pid))
        return Census::Ending::forbidden;
    if (desk.is_command(entry->process)) return Census::Ending::uncalled_for;
    const bool is_protected = std::ranges::any_of(
        entry->watches, [&](const Watch* other) { return other != this && other->protects_from(*this); });
    return is_protected ? Census::Ending::forbidden : Census::Ending::allowed;
}

bool Watch::protects_from(const Watch& storm) const {
    if (spec_.match.any) return false; // it names nobody in particular
    // The narrower of two rules knows better who is precious. A wide one (a unit, a user) would protect the very storm
    // that is to be stopped inside it; it needs no more than its minimum.
    if (members_ >= storm.members_ && members_ > spec_.count.min) return false;
    return !any_uneasy([](const Judgement& judgement) { return judgement.range() == Range::over; });
}

std::optional<Time> Watch::next_deadline() const {
    std::optional<Time> next = paused_until_;
    for (const auto* telling : {&exits_, &hangs_, &hang_ends_, &refusals_, &excess_}) {
        if (telling->untold > 0) next = earlier(next, telling->second + 1s);
    }
    if (!judging_) return next;
    if (!timers_.empty()) next = earlier(next, timers_.begin()->first);
    next = earlier(next, plan_deadline());
    next = earlier(next, forget_at_);
    next = earlier(next, next_call());
    return next;
}

void Watch::uncount_excess() {
    --stopped_excess_;
    if (excess_.untold > 0) --excess_.untold;
}

bool Watch::wants_ended(const Process& member, const Desk& desk) const {
    if (plan_.victims.contains(member.id)) return true;
    if (paused_ || spec_.count.over != Over::stop_newest || !spec_.count.max) return false;
    const auto bucket = buckets_.find(value_of(member));
    return bucket != buckets_.end() && bucket->second.census.on_the_way_out(member.id)
           && bucket->second.census.count() > *spec_.count.max && ending_of(member.id, desk) == Census::Ending::allowed;
}

void Watch::signal_sent(const SignalSent& sent, Turn& turn) {
    constexpr int no_such_process = 3;
    constexpr int canceled = 125;
    if (sent.error == 0 || sent.error == no_such_process) return; // gone already: its exit is on the way
    if (sent.for_want && plan_.phase == Plan::Phase::ending && plan_.victims.contains(sent.id))
        unheard_by(sent.id, turn);
    const auto* entry = turn.desk.table.find(sent.id);
    if (entry == nullptr) return;
    const auto bucket = buckets_.find(value_of(entry->process));
    if (bucket == buckets_.end() || !bucket->second.census.on_the_way_out(sent.id)) return;
    restless_.insert(bucket->first);
    if (sent.for_want || sent.error == canceled) {
        bucket->second.census.keep(sent.id, turn.now);
        uncount_excess();
        return;
    }
    bucket->second.census.refuse(sent.id);
    if (!may_tell(refusals_, turn)) return;
    auto told = incident(Happening::stopped_excess,
                         fmt::format("pid {} could not be ended: error {}", sent.id.pid, sent.error), turn);
    told.pid = sent.id.pid;
    report(std::move(told), turn);
}

} // namespace nezuban
