#include "engine/watch.hpp"

#include "engine/tell.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace nezuban {

namespace {

// Time for a fork to become an exec, before it counts as one too many (see Census). Measured here: 0.3 ms on an idle
// machine, under 10 ms with both processors busy.
constexpr Duration youth = 20ms;
constexpr std::uint32_t tellings_a_second = 10;
constexpr std::size_t pids_shown = 1000;
constexpr std::size_t values_shown = 100;

std::optional<Time> earlier(std::optional<Time> a, std::optional<Time> b) {
    if (!a) return b;
    if (!b) return a;
    return std::min(*a, *b);
}

} // namespace

Watch::Watch(RuleSpec spec) : spec_(std::move(spec)), matcher_(spec_.match), budget_(spec_.restart) {
    // Without count.per there is one bucket from the beginning: none at all is a count too.
    if (!spec_.count.per) {
        buckets_.try_emplace("");
        restless_.insert("");
    }
}

std::string Watch::value_of(const Process& process) const {
    if (!spec_.count.per) return {};
    switch (*spec_.count.per) {
    case Per::comm: return process.comm;
    case Per::exe: return process.exe ? *process.exe : process.comm;
    case Per::user: return std::to_string(process.uid);
    case Per::cgroup: return process.cgroups ? process.cgroups->substr(0, process.cgroups->find('\n')) : "/";
    }
    return {};
}

bool Watch::moved(const Process& before, const Process& after) const {
    return spec_.count.per && value_of(before) != value_of(after);
}

Limits Watch::limits() const {
    return {.min = spec_.count.min, .max = spec_.count.max, .hold = spec_.count.hold, .settle = spec_.restart.settle};
}

void Watch::enter(const Process& process, Entry how, Turn& turn) {
    const auto value = value_of(process);
    const bool young = how == Entry::forked && judging_;
    buckets_[value].census.add(process.id, young ? std::optional(turn.now + youth) : std::nullopt);
    restless_.insert(value);
    if (plan_.phase == Plan::Phase::starting && plan_.command_pid == process.id.pid) adopt(turn);
}

void Watch::leave(const Process& process, Turn& turn) {
    const auto* now = turn.desk.table.find(process.id);
    if (now != nullptr) {
        last_loss_ = fmt::format("pid {} is now {} of uid {}", process.id.pid, now->process.comm, now->process.uid);
    }
    remove_from_bucket(process);
}

void Watch::lose(const Process& process, const Cause& cause, Turn& turn) {
    const auto bucket = buckets_.find(value_of(process));
    const bool excess = bucket != buckets_.end() && bucket->second.census.on_the_way_out(process.id);
    if (!excess) {
        last_loss_ = fmt::format("pid {} {}", process.id.pid, tell(cause));
        tell_exit(process, cause, turn);
    }
    remove_from_bucket(process);
}

void Watch::remove_from_bucket(const Process& process) {
    const auto value = value_of(process);
    const auto bucket = buckets_.find(value);
    if (bucket == buckets_.end() || !bucket->second.census.remove(process.id)) return;
    restless_.insert(value);
    plan_.victims.erase(process.id);
}

void Watch::snapshot_began() {
    awaiting_ = !judging_;
}

void Watch::start_judging() {
    if (judging_ || !awaiting_) return;
    judging_ = true;
    make_restless();
}

void Watch::judge(Turn& turn) {
    if (paused_until_ && *paused_until_ <= turn.now) resume(turn, "the pause has ended");
    flush_tellings(turn);
    if (!judging_) return;
    // Once more when the plan has come to an end: what it kept from being done is due now. Each time takes the plan
    // further, to where it waits for something or is exhausted.
    wake(turn.now);
    do {
        again_ = false;
        for (const auto& value : std::exchange(restless_, {})) {
            const auto bucket = buckets_.find(value);
            if (bucket != buckets_.end()) judge(value, bucket->second, turn);
        }
        advance_plan(turn);
    } while (again_);
    forget(turn);
}

// The delay starts anew when it was healthy for long enough, whoever mended it. How long it had been before the daemon
// died is not known: then the time starts anew as well.
void Watch::forget(Turn& turn) {
    if (budget_.in_a_row() == 0) {
        forget_at_.reset();
        return;
    }
    const bool healthy = !mending() && std::ranges::all_of(buckets_, [](const auto& pair) {
        const auto& judgement = pair.second.judgement;
        return judgement.range() == Range::in && judgement.told() == Range::in;
    });
    if (!healthy) {
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
        buckets_.erase(value);
        return;
    }
    auto range = limits();
    if (spec_.count.per && count == 0) range.min = 0;
    const auto for_max = range.max ? bucket.census.judged_for_max(*range.max) : count;
    const auto change = bucket.judgement.update(count, for_max, range, mending(), turn.now);

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
            buckets_.erase(value);
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

// One timer a bucket, and not moved when what it waits for moves away: then it rings in vain, once.
void Watch::wake_at(const std::string& value, Bucket& bucket, Time time) {
    if (bucket.timer && *bucket.timer <= time) return;
    bucket.timer = time;
    timers_.emplace(time, value);
}

void Watch::wake(Time now) {
    while (!timers_.empty() && timers_.begin()->first <= now) {
        const auto value = std::move(timers_.extract(timers_.begin()).mapped());
        const auto bucket = buckets_.find(value);
        if (bucket == buckets_.end()) continue;
        bucket->second.timer.reset();
        restless_.insert(value);
    }
}

void Watch::begin_incident(const std::string& value, Bucket& bucket, Turn& turn) {
    const bool under = bucket.judgement.told() == Range::under;
    const auto count = bucket.census.count();
    std::string reason = under ? tell_under(count, spec_.count.min) : tell_over(count, *spec_.count.max);
    if (!value.empty()) reason = value + ": " + reason;
    if (under && !last_loss_.empty()) reason += "; " + last_loss_;
    if (under && last_loss_.empty() && count == 0) reason += "; none has been seen since the watch began";
    bucket.acted = false;
    bucket.reason = reason;

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
            run(spec_.count.over_command, incident(Happening::over, bucket.reason, turn), "over", turn);
        }
        if (spec_.count.over != Over::restart) return;
    }
    if (mending() || exhausted_) return;
    if (spec_.restart.possible()) {
        begin_plan(bucket.reason, turn);
    } else if (!bucket.acted) {
        bucket.acted = true;
        if (spec_.escalate.action != EscalateAction::report) escalate(bucket.reason, turn);
    }
}

void Watch::hold_down(const std::string& value, Bucket& bucket, Turn& turn) {
    const auto excess =
        bucket.census.take_excess(*spec_.count.max, [&](const Identity& id) { return may_end(id, turn); }, turn.now);
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

bool Watch::may_end(const Identity& id, Turn& turn) const {
    const auto* entry = turn.desk.table.find(id);
    if (entry == nullptr || id.pid <= 1 || entry->process.kernel_thread || turn.desk.own_pids.contains(id.pid))
        return false;
    return std::ranges::none_of(entry->watches, [&](const Watch* other) { return other != this && other->protects(); });
}

bool Watch::protects() const {
    if (spec_.match.any) return false; // it names nobody in particular
    return std::ranges::none_of(buckets_,
                                [](const auto& pair) { return pair.second.judgement.range() == Range::over; });
}

void Watch::tell_exit(const Process& process, const Cause& cause, Turn& turn) {
    // Who has no minimum comes and goes as he likes, and everybody's end is nobody's news.
    if (spec_.match.any || spec_.count.min == 0 || !judging_) return;
    if (!may_tell(exits_, turn)) return;
    auto told = incident(Happening::exit, fmt::format("pid {} {}", process.id.pid, tell(cause)), turn);
    told.pid = process.id.pid;
    told.cause = cause;
    told.count = total() - 1;
    told.evidence.emplace_back("comm", process.comm);
    told.evidence.emplace_back("start_time_ns", std::to_string(process.id.start_ns));
    report(std::move(told), turn);
}

bool Watch::may_tell(Telling& telling, Turn& turn) {
    if (turn.now - telling.second >= 1s) {
        flush_tellings(turn);
        telling = {.second = turn.now, .told = 0, .untold = 0};
    }
    const bool now = telling.told < tellings_a_second;
    ++(now ? telling.told : telling.untold);
    return now;
}

void Watch::flush_tellings(Turn& turn) {
    if (exits_.untold > 0 && turn.now - exits_.second >= 1s) {
        auto told = incident(Happening::exit, fmt::format("{} more exits", exits_.untold), turn);
        told.count = total();
        exits_ = {};
        report(std::move(told), turn);
    }
    if (refusals_.untold > 0 && turn.now - refusals_.second >= 1s) {
        auto told =
            incident(Happening::stopped_excess, fmt::format("{} more could not be ended", refusals_.untold), turn);
        told.count = total();
        refusals_ = {};
        report(std::move(told), turn);
    }
    if (excess_.untold > 0 && turn.now - excess_.second >= 1s) {
        auto told =
            incident(Happening::stopped_excess, fmt::format("ended {} more beyond the maximum", excess_.untold), turn);
        told.count = total();
        excess_ = {.second = turn.now, .told = 0, .untold = 0};
        report(std::move(told), turn);
    }
}

std::optional<Time> Watch::next_deadline() const {
    std::optional<Time> next = paused_until_;
    if (exits_.untold > 0) next = earlier(next, exits_.second + 1s);
    if (refusals_.untold > 0) next = earlier(next, refusals_.second + 1s);
    if (excess_.untold > 0) next = earlier(next, excess_.second + 1s);
    if (!judging_) return next;
    if (!timers_.empty()) next = earlier(next, timers_.begin()->first);
    if (mending()) next = earlier(next, plan_deadline());
    next = earlier(next, forget_at_);
    return next;
}

void Watch::signal_sent(const SignalSent& sent, Turn& turn) {
    constexpr int no_such_process = 3;
    if (sent.error == 0 || sent.error == no_such_process) return; // gone already: its exit is on the way
    for (auto& [value, bucket] : buckets_) {
        if (!bucket.census.on_the_way_out(sent.id)) continue;
        bucket.census.refuse(sent.id);
        restless_.insert(value);
        if (!may_tell(refusals_, turn)) continue;
        auto told = incident(Happening::stopped_excess,
                             fmt::format("pid {} could not be ended: error {}", sent.id.pid, sent.error), turn);
        told.pid = sent.id.pid;
        report(std::move(told), turn);
    }
}

std::uint32_t Watch::total() const {
    std::uint32_t sum = 0;
    for (const auto& [value, bucket] : buckets_) {
        sum += bucket.census.count();
    }
    return sum;
}

void Watch::make_restless() {
    for (const auto& [value, bucket] : buckets_) {
        restless_.insert(value);
    }
    again_ = true;
}

Incident Watch::incident(Happening happening, std::string reason, const Turn& turn) const {
    const auto group = turn.desk.group_of.find(spec_.name);
    return {.time = turn.now,
            .happening = happening,
            .rule = spec_.name,
            .group = group == turn.desk.group_of.end() ? "" : group->second,
            .reason = std::move(reason)};
}

void Watch::report(Incident incident, Turn& turn) {
    const bool change_of_state =
        incident.happening != Happening::exit && incident.happening != Happening::stopped_excess;
    if (change_of_state && !paused_ && !spec_.notify_command.empty()) {
        const auto id = run(spec_.notify_command, incident, "notify", turn);
        for (auto& intent : turn.out) {
            if (auto* command = std::get_if<RunCommand>(&intent); command != nullptr && command->id == id)
                command->input = incident;
        }
    }
    turn.out.emplace_back(Report{std::move(incident)});
}

CommandId Watch::run(const Argv& argv, const Incident& why, const std::string& what, Turn& turn) const {
    const CommandId id = turn.desk.next_command++;
    turn.out.emplace_back(RunCommand{.id = id,
                                     .argv = argv,
                                     .environment = {{"NEZUBAN_RULE", why.rule},
                                                     {"NEZUBAN_GROUP", why.group},
                                                     {"NEZUBAN_EVENT", std::string(name_of(why.happening))},
                                                     {"NEZUBAN_PID", why.pid == 0 ? "" : std::to_string(why.pid)},
                                                     {"NEZUBAN_REASON", why.reason},
                                                     {"NEZUBAN_ATTEMPT", std::to_string(why.attempt)},
                                                     {"NEZUBAN_COUNT", std::to_string(total())}},
                                     .timeout = spec_.restart.timeout,
                                     .input = std::nullopt,
                                     .label = spec_.name + ": " + what});
    return id;
}

std::vector<Identity> Watch::members() const {
    std::vector<Identity> ids;
    for (const auto& [value, bucket] : buckets_) {
        bucket.census.for_each([&](const Identity& id) { ids.push_back(id); });
    }
    std::ranges::sort(ids);
    return ids;
}

RuleState Watch::state() const {
    if (paused_) return RuleState::paused;
    if (exhausted_) return RuleState::exhausted;
    if (mending()) return RuleState::restarting;
    if (!judging_) return RuleState::pending;
    bool over = false;
    for (const auto& [value, bucket] : buckets_) {
        if (bucket.judgement.told() == Range::under) return RuleState::under;
        over = over || bucket.judgement.told() == Range::over;
    }
    return over ? RuleState::over : RuleState::ok;
}

std::string Watch::why_not_ok() const {
    if (exhausted_) return exhausted_reason_;
    if (mending()) return plan_.reason;
    for (const auto& [value, bucket] : buckets_) {
        if (bucket.judgement.told() == Range::in) continue;
        const auto count = bucket.census.count();
        const auto text = bucket.judgement.told() == Range::under ? tell_under(count, spec_.count.min)
                                                                  : tell_over(count, spec_.count.max.value_or(0));
        if (bucket.judgement.range() == Range::in)
            return (value.empty() ? "" : value + ": ") + std::to_string(count) + " running, settling";
        return value.empty() ? text : value + ": " + text;
    }
    return {};
}

RuleView Watch::view(Time now) const {
    RuleView view{.name = spec_.name,
                  .state = state(),
                  .count = total(),
                  .min = spec_.count.min,
                  .max = spec_.count.max,
                  .attempts_used = budget_.used(now),
                  .attempts = spec_.restart.attempts,
                  .paused_until = paused_until_,
                  .reason = why_not_ok(),
                  .failed = exhausted_,
                  .mending = mending(),
                  .stopped_excess = stopped_excess_};
    for (const auto& id : members()) {
        if (view.pids.size() == pids_shown) break;
        view.pids.push_back(id.pid);
    }
    for (const auto& [value, bucket] : buckets_) {
        const bool out = bucket.judgement.told() != Range::in && bucket.judgement.range() != Range::in;
        const bool held = bucket.judgement.told() == Range::over && spec_.count.over == Over::stop_newest && !paused_;
        if (out && !mending() && !held && !paused_) view.failed = true;
        if (out && spec_.count.per && view.out_of_range.size() < values_shown)
            view.out_of_range.push_back({.value = value, .count = bucket.census.count()});
    }
    if (plan_.phase == Plan::Phase::waiting) view.next_at = plan_deadline();
    return view;
}

} // namespace nezuban
