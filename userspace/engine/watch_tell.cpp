// What is told of a rule: incidents, commands' environment, its view.
#include "core/tell.hpp"
#include "core/words.hpp"
#include "engine/watch.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace nezuban {

namespace {

constexpr std::uint32_t tellings_a_second = 10;
constexpr std::size_t pids_shown = 1000;
constexpr std::size_t values_shown = 100;

} // namespace

void Watch::tell_exit(const Process& process, const Cause& cause, Turn& turn) {
    // Who has no minimum comes and goes as he likes, and everybody's end is nobody's news.
    if (spec_.match.any || spec_.count.min == 0 || !judging_) return;
    if (!may_tell(exits_, turn)) return;
    auto told = incident(Happening::exit, fmt::format("pid {} {}", process.id.pid, tell(cause)), turn);
    told.pid = process.id.pid;
    told.cause = cause;
    told.count = total() - 1;
    told.evidence.emplace_back("comm", process.shown_name());
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
    const auto flush = [&](Telling& telling, Happening happening, std::string_view what) {
        if (telling.untold == 0 || turn.now - telling.second < 1s) return;
        auto told = incident(happening, fmt::format(fmt::runtime(what), telling.untold), turn);
        told.count = total();
        telling = {.second = turn.now, .told = 0, .untold = 0};
        report(std::move(told), turn);
    };
    flush(exits_, Happening::exit, "{} more exits");
    flush(hangs_, Happening::hang, "{} more hangs: see the status");
    flush(hang_ends_, Happening::recovered, "{} more hangs are over");
    flush(refusals_, Happening::stopped_excess, "{} more could not be ended");
    flush(excess_, Happening::stopped_excess, "ended {} more beyond the maximum");
}

Incident Watch::incident(Happening happening, std::string reason, const Turn& turn) const {
    const auto* group = turn.desk.kin.group_of(*this);
    const bool of_a_loss = happening == Happening::under || happening == Happening::restart
                           || happening == Happening::restart_failed || happening == Happening::escalated;
    return {.time = turn.now,
            .happening = happening,
            .rule = spec_.name,
            .group = group == nullptr ? "" : group->spec().name,
            .pid = of_a_loss ? last_loss_.pid : 0,
            .reason = std::move(reason)};
}

// With the first word about it; what was told of before it was known who fell first is corrected by what follows.
void Watch::name_root_cause(Incident& incident, const Turn& turn) const {
    auto* group = turn.desk.kin.group_of(*this);
    if (group == nullptr || !group->fallen()) return;
    switch (incident.happening) {
    case Happening::under:
    case Happening::hang:
    case Happening::over:
    case Happening::restart:
    case Happening::restart_failed:
    case Happening::restart_resumed:
    case Happening::escalated:
    case Happening::recovered: break;
    default: return;
    }
    group->told();
    const auto* root = group->root_cause();
    std::string_view role = "fell too";
    if (root->rule == spec_.name)
        role = "root cause";
    else if (turn.desk.kin.cause_of(*this) != nullptr)
        role = "consequence";
    else if (group->fall_of(spec_.name) == nullptr) {
        if (!group->has_followed(spec_.name)) return; // it has nothing to do with it
        role = "restarted with it";
    }
    incident.evidence.emplace_back("root_cause", root->rule);
    incident.evidence.emplace_back("role", std::string(role));
    if (root->rule == spec_.name) return;
    incident.evidence.emplace_back("root_cause_reason", root->reason);
    if (root->pid != 0) incident.evidence.emplace_back("root_cause_pid", root->pid);
}

void Watch::report(Incident incident, Turn& turn) {
    name_root_cause(incident, turn);
    const bool change_of_state = incident.happening != Happening::exit
                                 && incident.happening != Happening::stopped_excess
                                 && incident.happening != Happening::command_failed;
    if (change_of_state && !paused_ && !spec_.notify_command.empty()) {
        call({.kind = CallKind::notify}, incident, turn).input = incident;
    }
    turn.out.emplace_back(Report{std::move(incident)});
}

RunCommand& Watch::run(const Argv& argv, const Incident& why, const std::string& what, Turn& turn) const {
    const CommandId id = turn.desk.next_command++;
    std::vector<std::pair<std::string, std::string>> environment{
        {"NEZUBAN_RULE", why.rule},
        {"NEZUBAN_GROUP", why.group},
        {"NEZUBAN_EVENT", std::string(name_of(why.happening))},
        {"NEZUBAN_PID", why.pid == 0 ? "" : std::to_string(why.pid)},
        {"NEZUBAN_REASON", printable(why.reason)}, // whoever names a process has his word in it
        {"NEZUBAN_ATTEMPT", std::to_string(why.attempt)},
        {"NEZUBAN_COUNT", std::to_string(total())}};
    if (const auto* group = turn.desk.kin.group_of(*this); group != nullptr && group->fallen())
        environment.emplace_back("NEZUBAN_ROOT_CAUSE", group->root_cause()->rule);
    // As systemd tells its services: beat within this. The shell adds where to.
    if (spec_.hang.notified())
        environment.emplace_back(
            "WATCHDOG_USEC",
            std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(*spec_.hang.heartbeat).count()));
    turn.out.emplace_back(RunCommand{.id = id,
                                     .argv = argv,
                                     .environment = std::move(environment),
                                     .timeout = spec_.restart.timeout,
                                     .input = std::nullopt,
                                     .label = spec_.name + ": " + what});
    return std::get<RunCommand>(turn.out.back());
}

RuleState Watch::state() const {
    if (paused_) return RuleState::paused;
    if (exhausted_) return RuleState::exhausted;
    if (mending()) return RuleState::restarting;
    if (!judging_) return RuleState::pending;
    if (any_uneasy([](const Judgement& judgement) { return judgement.told() == Range::under; }))
        return RuleState::under;
    if (any_uneasy([](const Judgement& judgement) { return judgement.told() == Range::over; })) return RuleState::over;
    return hung() ? RuleState::hung : RuleState::ok;
}

std::string Watch::why_not_ok() const {
    if (exhausted_) return exhausted_reason_;
    if (mending()) return plan_.reason;
    for (const auto& value : uneasy_) {
        const auto& bucket = buckets_.at(value);
        if (bucket.judgement.told() == Range::in) continue;
        const auto count = bucket.census.count();
        const auto text = bucket.judgement.told() == Range::under ? tell_under(count, spec_.count.min)
                                                                  : tell_over(count, spec_.count.max.value_or(0));
        if (bucket.judgement.range() == Range::in)
            return (value.empty() ? "" : value + ": ") + std::to_string(count) + " running, settling";
        return value.empty() ? text : value + ": " + text;
    }
    if (hung()) {
        const auto more = findings_.size() - 1;
        return findings_.oldest()->reason + (more == 0 ? "" : fmt::format("; and {} more", counted(more, "finding")));
    }
    return {};
}

RuleView Watch::view(Time now, Detail detail) const {
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
                  .mending = paused_ ? restarting() : mending(),
                  .stopped_excess = stopped_excess_};
    for (const auto& id : detail == Detail::everything ? members() : std::vector<Identity>()) {
        if (view.pids.size() == pids_shown) break;
        view.pids.push_back(id.pid);
    }
    for (const auto& value : uneasy_) {
        const auto& bucket = buckets_.at(value);
        const bool out = bucket.judgement.told() != Range::in && bucket.judgement.range() != Range::in;
        const bool held = bucket.judgement.told() == Range::over && spec_.count.over == Over::stop_newest && !paused_;
        if (out && !mending() && !held && !paused_) view.failed = true;
        if (out && spec_.count.per && view.out_of_range.size() < values_shown)
            view.out_of_range.push_back({.value = value, .count = bucket.census.count()});
    }
    for (const auto& [key, finding] : findings_.by_key()) {
        view.findings.push_back(finding);
    }
    std::ranges::sort(view.findings, {}, [](const Finding& finding) { return std::tie(finding.since, finding.key); });
    // Nothing will be done about it, so whoever asks has to know; but a stopped editor is no reason for a cluster to
    // leave the host, and neither is what somebody debugs.
    const bool failing = std::ranges::any_of(view.findings, &Finding::restartable) && !spec_.match.any;
    if (failing && !mending() && !paused_) view.failed = true;
    if (plan_.phase == Plan::Phase::waiting) view.next_at = plan_deadline();
    return view;
}

} // namespace nezuban
