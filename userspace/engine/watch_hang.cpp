// Hangs: from findings to incidents, and to a restart when the rule wants one.
#include "core/tell.hpp"
#include "engine/watch.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace nezuban {

namespace {

constexpr const char* heartbeat_key = "heartbeat"; // a rule has one at most

} // namespace

std::optional<Time> Watch::take_findings(std::vector<Finding> found, const WaitScan& scan, Look& look, Turn& turn) {
    if (!judging_) return std::nullopt;
    const auto beat_due = check_heartbeat(scan, found, turn);
    std::map<std::string, Finding> now;
    for (auto& finding : found) {
        // It accepts nothing and beats no more because somebody looks at it; he wants it as it is.
        if (look.debugged.contains(finding.process)) finding.restartable = false;
        if (may_be_frozen(finding, look, turn.now)) continue;
        auto key = finding.key;
        now.try_emplace(std::move(key), std::move(finding));
    }
    for (auto& finding : findings_.take_all()) {
        const auto still = now.find(finding.key);
        if (still != now.end()) {
            still->second.since = finding.since; // one beginning, whatever the later scans computed
            findings_.add(std::move(now.extract(still).mapped()));
        } else if (!scan.complete || (finding.kind == HangKind::unserved && !scan.sockets_seen)) {
            findings_.add(std::move(finding)); // nothing can be concluded from absence
        } else {
            end_finding(finding, "is over", turn);
        }
    }
    for (auto& [key, finding] : now) {
        begin_finding(std::move(finding), turn);
    }
    return beat_due;
}

// What doesn't come (a switch, a heartbeat) is found without a look at who doesn't send it: that is to follow.
bool Watch::may_be_frozen(const Finding& finding, Look& look, Time now) {
    if (finding.kind != HangKind::silent && finding.kind != HangKind::heartbeat) return false;
    const bool frozen = look.frozen.contains(finding.process);
    const bool unknown = !look.seen.contains(finding.process) && !findings_.contains(finding.key);
    if (frozen) beat_due_from_ = now; // once thawed, it has its whole time again
    if (frozen || unknown) look.doubtful.insert(finding.process);
    return frozen || unknown;
}

// A file's time is one of the wall clock. Where that stands changes when it is set, and with a suspend, in which ours
// does not go on: only a later time than before is a beat, and never one of the future.
void Watch::take_file_beat(const FileBeat& beat, const Turn& turn) {
    constexpr Duration rounding = 10ms; // of two readings of both clocks
    if (!beat.touched) return;          // gone, or not looked at in time: what is known of it goes on to age
    if (!touched_ || *beat.touched > *touched_ + rounding) last_beat_ = std::min(*beat.touched, turn.now);
    touched_ = beat.touched;
}

std::optional<Time> Watch::check_heartbeat(const WaitScan& scan, std::vector<Finding>& found, const Turn& turn) {
    if (scan.paused) beat_due_from_ = std::max(beat_due_from_, std::min(scan.paused->second, turn.now));
    if (!spec_.hang.heartbeat || members_ == 0) return std::nullopt;
    const auto& file = spec_.hang.heartbeat_file;
    std::string error;
    if (file) {
        const auto beat = std::ranges::find(scan.beats, *file, &FileBeat::path);
        if (beat == scan.beats.end()) return std::nullopt; // nobody looked this time
        take_file_beat(*beat, turn);
        error = beat->error;
    }
    const auto last = last_beat_;
    const auto from = std::max(last.value_or(beat_due_from_), beat_due_from_);
    const auto due = from + *spec_.hang.heartbeat;
    if (turn.now < due) return due;
    const auto oldest = members().front();
    const auto silent = turn.now - from;
    const auto source = file ? "file " + *file : std::string("notification socket");
    Finding finding{.kind = HangKind::heartbeat,
                    .process = oldest,
                    .since = from,
                    .reason = fmt::format("no sign of life by its {} for {}{}", source, tell(silent),
                                          error.empty() ? "" : ": " + error),
                    .evidence = {{file ? "file" : "notify", file ? *file : "WATCHDOG=1"},
                                 {"last_beat_s", seconds_of(silent)},
                                 {"ever", last.has_value()}},
                    .key = heartbeat_key};
    found.push_back(std::move(finding));
    return std::nullopt;
}

void Watch::beat(Turn& turn) {
    last_beat_ = turn.now;
    if (const auto finding = findings_.take(heartbeat_key)) end_finding(*finding, "is over", turn);
}

template <typename Is> std::vector<Finding> Watch::take_findings_of(const Identity& process, Is is) {
    std::vector<Finding> taken;
    for (const auto* finding : findings_.of(process)) {
        if (is(*finding)) taken.push_back(*findings_.take(std::string(finding->key)));
    }
    return taken;
}

void Watch::thread_returned(const Identity& process, std::uint32_t tid, Turn& turn) {
    for (const auto& finding : take_findings_of(process, [&](const Finding& one) {
             if (tid == 0) return one.kind == HangKind::silent;
             return one.tid == tid && one.others.empty() && one.kind != HangKind::spinning;
         })) {
        end_finding(finding, "is over", turn);
    }
}

// A dead file server makes thousands hang at once: some are told, the others counted, and all are in the status.
void Watch::begin_finding(Finding finding, Turn& turn) {
    last_loss_ = {.how = finding.reason, .pid = finding.process.pid, .at = finding.since, .weight = last_loss_.weight};
    if (finding.restartable && left_as_it_is()) fell(finding.since, finding.process.pid, finding.reason, turn);
    if (may_tell(hangs_, turn)) tell_finding(finding, turn);
    if (finding.thread_start_ns != 0 && finding.kind != HangKind::spinning)
        turn.out.emplace_back(FollowThread{.process = finding.process,
                                           .thread = {.tid = finding.tid, .start_ns = finding.thread_start_ns}});
    findings_.add(std::move(finding));
}

void Watch::tell_finding(const Finding& finding, Turn& turn) {
    auto told = incident(Happening::hang, finding.reason, turn);
    told.pid = finding.process.pid;
    told.count = total();
    told.evidence = {{"kind", std::string(name_of(finding.kind))}};
    told.evidence.insert(told.evidence.end(), finding.evidence.begin(), finding.evidence.end());
    report(std::move(told), turn);
}

void Watch::end_finding(const Finding& finding, const std::string& how, Turn& turn) {
    make_restless();
    // The signal that ends it wakes it first; what becomes of it is told by the restart.
    if (plan_.victims.contains(finding.process) || !may_tell(hang_ends_, turn)) return;
    const auto lasted = turn.now - finding.since;
    auto told = incident(
        Happening::recovered,
        fmt::format("{} of pid {} {} after {}", name_of(finding.kind), finding.process.pid, how, tell(lasted)), turn);
    told.pid = finding.process.pid;
    told.count = total();
    told.evidence = {{"kind", std::string(name_of(finding.kind))}, {"lasted_s", seconds_of(lasted)}};
    if (finding.tid != 0) told.evidence.emplace_back("tid", finding.tid);
    report(std::move(told), turn);
}

void Watch::end_findings_of(const Identity& process, Turn& turn) {
    const auto over = take_findings_of(process, [](const Finding&) { return true; });
    // Of a restart under way the end is told by the restart itself.
    if (mending()) return;
    for (const auto& finding : over) {
        end_finding(finding, "has ended with it", turn);
    }
}

const Finding* Watch::to_act_on() const {
    return spec_.hang.action == HangAction::restart ? findings_.oldest_restartable() : nullptr;
}

void Watch::react_to_hangs(Turn& turn) {
    const auto* finding = to_act_on();
    if (finding == nullptr || paused_ || mending() || exhausted_ || !spec_.restart.possible()) return;
    begin_plan("hung: " + finding->reason, turn);
}

std::set<Identity> Watch::hung_to_end(const Turn& turn) const {
    std::set<Identity> ids;
    if (spec_.hang.action != HangAction::restart) return ids;
    for (const auto& [key, finding] : findings_.by_key()) {
        if (finding.restartable && may_be_signalled(finding.process, turn)) ids.insert(finding.process);
    }
    return ids;
}

} // namespace nezuban
