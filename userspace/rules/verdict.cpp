#include "rules/verdict.hpp"

#include "core/date.hpp"
#include "core/tell.hpp"
#include "core/words.hpp"
#include "rules/hang_rules.hpp"
#include "rules/wait_words.hpp"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace nezuban {

namespace {

bool dead(const ThreadWait& wait) {
    return wait.state == ThreadState::zombie || wait.state == ThreadState::dead;
}

bool held(const ThreadWait& wait) {
    return wait.state == ThreadState::stopped || wait.state == ThreadState::traced;
}

// A thread that was there only once may have come just now.
bool lasts(const SeenThread& thread) {
    return thread.scans >= 2;
}

std::string verb(std::size_t count, std::string_view one, std::string_view many) {
    return fmt::format("{} {}", counted(count, "thread"), count == 1 ? one : many);
}

// "deadlock between threads 7866 and 7868, 31.0 s": short enough for a headline; who holds what stands below it.
std::string deadlock_line(const Finding& finding, Time now) {
    std::vector<std::string> tids;
    for (const auto& fact : finding.evidence) {
        const auto* cycle = std::get_if<std::vector<Facts>>(&fact.value);
        if (fact.key != "cycle" || cycle == nullptr) continue;
        for (const auto& member : *cycle) {
            const auto tid = std::ranges::find(member, "tid", &Fact::key);
            if (tid != member.end()) tids.push_back(text_of(*tid));
        }
    }
    if (tids.empty()) return finding.reason;
    const auto so_long = tell(now - finding.since);
    if (tids.size() == 1) return fmt::format("deadlock of thread {} with itself, {}", tids.front(), so_long);
    constexpr std::size_t shown_max = 6;
    if (tids.size() > shown_max)
        return fmt::format("deadlock among {} threads ({}, ...), {}", tids.size(),
                           fmt::join(tids.begin(), tids.begin() + shown_max, ", "), so_long);
    const auto last = tids.back();
    tids.pop_back();
    return fmt::format("deadlock between threads {} and {}, {}", fmt::join(tids, ", "), last, so_long);
}

// What explains the others comes first.
int rank(HangKind kind) {
    switch (kind) {
    case HangKind::deadlock: return 0;
    case HangKind::uninterruptible: return 1;
    case HangKind::stopped: return 2;
    case HangKind::spinning: return 3;
    case HangKind::lock_wait: return 4;
    case HangKind::unserved: return 5;
    default: return 6;
    }
}

std::string hung_line(const Sight& sight) {
    const auto first = std::ranges::min_element(
        sight.findings, {}, [](const Finding& finding) { return std::pair(rank(finding.kind), finding.since); });
    auto text = first->kind == HangKind::deadlock ? deadlock_line(*first, sight.now) : first->reason;
    if (sight.findings.size() > 1) text += fmt::format("; {} in all", counted(sight.findings.size(), "finding"));
    return text;
}

// What may become a hang: empty when nothing may.
std::string jam(const Sight& sight) {
    const SeenThread* longest = nullptr;
    std::size_t count = 0;
    for (const auto* seen : sight.threads) {
        const auto& wait = seen->last;
        const bool stuck =
            !wait.frozen && lasts(*seen) && (wait.state == ThreadState::uninterruptible || waits_for_lock(wait));
        if (!stuck) continue;
        ++count;
        if (longest == nullptr || seen->since < longest->since) longest = seen;
    }
    if (longest == nullptr) return {};
    const auto& wait = longest->last;
    auto text = waits_for_lock(wait)
                    ? fmt::format("tid {} ({}) is {}", wait.thread.tid, wait.comm, purpose_of(wait, sight.around).text)
                    : fmt::format("tid {} ({}) is {}", wait.thread.tid, wait.comm, doing(wait));
    text += fmt::format(", for {}", tell(sight.now - longest->since));
    if (count > 1) text += fmt::format("; {} in all", verb(count, "waits so", "wait so"));
    return text;
}

// "3 connections wait on 127.0.0.1:4711"
std::string queue_line(const SocketQueue& socket) {
    return fmt::format("{} {} on {}", counted(socket.length, unit_of(socket.kind)),
                       socket.length == 1 ? "waits" : "wait",
                       socket.local.empty() ? fmt::format("descriptor {}", socket.fd) : socket.local);
}

Verdict zombie(const Sight& sight) {
    const auto last = std::ranges::max(sight.threads, {}, &SeenThread::since);
    const auto so_long = sight.now - last->since;
    const auto& parent = sight.around.parent;
    // Unknown for a thread that has no time of its last run.
    std::string text = last->last.off_cpu > Duration::zero()
                           ? fmt::format("dead since {}Z ({})",
                                         format_time(sight.clocks.to_wall(last->since)).substr(0, 19), tell(so_long))
                           : "dead";
    if (parent.pid != 0)
        text += fmt::format(", its parent {} ({}) has not asked for its exit status", parent.pid, parent.comm);
    else
        text += ", nobody has asked for its exit status";
    return {.kind = VerdictKind::zombie, .reason = std::move(text)};
}

std::string held_line(const Sight& sight, const std::vector<const SeenThread*>& holding) {
    const auto& first = holding.front()->last;
    std::string how = "who stopped it is not known without the daemon";
    if (first.state == ThreadState::traced)
        how = purpose_of(first, sight.around).text;
    else if (first.stopped_by)
        how = first.stopped_by->pid == 0 ? "from its terminal"
                                         : fmt::format("by {} (pid {}, uid {})", first.stopped_by->comm,
                                                       first.stopped_by->pid, first.stopped_by->uid);
    return fmt::format("for {}, {}", tell(sight.now - holding.front()->since), how);
}

// The most telling purposes, each once.
std::string idle_line(const Sight& sight) {
    std::map<std::pair<WaitsFor, std::string>, std::size_t> purposes;
    for (const auto* seen : sight.threads) {
        if (dead(seen->last)) continue;
        auto purpose = purpose_of(seen->last, sight.around);
        ++purposes[{purpose.what, std::move(purpose.text)}];
    }
    constexpr std::size_t shown_max = 2;
    std::vector<std::string> parts;
    for (const auto& [purpose, count] : purposes) {
        if (parts.size() == shown_max) break;
        parts.push_back(count == 1 || purposes.size() == 1
                            ? purpose.second
                            : fmt::format("{} {}", counted(count, "thread"), purpose.second));
    }
    auto text = fmt::format("{}", fmt::join(parts, "; "));
    if (purposes.size() > shown_max) text += "; ...";
    if (!sight.around.listening.empty() && sight.sockets_seen) text += sight.sockets.empty() ? ", queues empty" : "";
    return text;
}

std::string moving_line(const Sight& sight) {
    std::size_t ran = 0;
    std::size_t ready = 0;
    for (const auto* seen : sight.threads) {
        if (dead(seen->last)) continue;
        const bool waits_for_cpu = lasts(*seen) && seen->last.state == ThreadState::running && !moved(*seen);
        (waits_for_cpu ? ready : ran) += waits_for_cpu || moved(*seen) ? 1 : 0;
    }
    if (ran == 0)
        return fmt::format("{} to run, but got no processor in {}", verb(ready, "wants", "want"), tell(sight.between));
    return fmt::format("{} of {} ran within {}", ran, counted(sight.threads.size(), "thread"), tell(sight.between));
}

bool wants_to_move(const SeenThread& seen) {
    return moved(seen) || seen.last.state == ThreadState::running;
}

Verdict alive(const Sight& sight, const std::vector<const SeenThread*>& living) {
    if (!sight.findings.empty()) return {.kind = VerdictKind::hung, .reason = hung_line(sight)};
    if (std::ranges::all_of(living, [](const auto* seen) { return seen->last.frozen; }))
        return {.kind = VerdictKind::frozen,
                .reason = fmt::format("by its cgroup or a suspend, for {}",
                                      tell(sight.now - std::ranges::max(living, {}, &SeenThread::since)->since))};
    std::vector<const SeenThread*> holding;
    std::ranges::copy_if(living, std::back_inserter(holding), [](const auto* seen) { return held(seen->last); });
    if (holding.size() == living.size()) return {.kind = VerdictKind::stopped, .reason = held_line(sight, holding)};
    const auto stuck = jam(sight);
    if (std::ranges::any_of(living, [](const auto* seen) { return wants_to_move(*seen); }))
        return {.kind = VerdictKind::moving, .reason = moving_line(sight) + (stuck.empty() ? "" : "; " + stuck)};
    if (!stuck.empty()) return {.kind = VerdictKind::blocked, .reason = stuck};
    if (!holding.empty())
        return {.kind = VerdictKind::stopped,
                .reason = fmt::format("{} of {} {}", holding.size(), counted(living.size(), "thread"),
                                      held_line(sight, holding))};
    const auto waiting = std::ranges::find_if(sight.sockets, [](const auto* socket) { return socket->scans >= 2; });
    if (waiting != sight.sockets.end())
        return {.kind = VerdictKind::blocked,
                .reason = fmt::format("{}, and no thread of it has run for {}", queue_line((*waiting)->last),
                                      tell(at_rest(living, sight.now).value_or(sight.between)))};
    return {.kind = VerdictKind::idle, .reason = idle_line(sight)};
}

} // namespace

std::string Verdict::headline() const {
    if (!kernel_thread || kind == VerdictKind::hung)
        return fmt::format("{}{}{}", name_of(kind), reason.empty() ? "" : ": ", reason);
    return fmt::format("kernel thread: {}{}{}", name_of(kind), reason.empty() ? "" : ", ", reason);
}

bool moved(const SeenThread& thread) {
    if (dead(thread.last)) return false;
    return thread.scans < 2 || thread.last.on_cpu || thread.last.cpu != thread.cpu_before;
}

std::optional<Duration> at_rest(const std::vector<const SeenThread*>& threads, Time now) {
    std::optional<Duration> rest;
    for (const auto* seen : threads) {
        const auto& wait = seen->last;
        if (dead(wait)) continue;
        if (wait.state == ThreadState::running || wait.off_cpu == Duration::zero()) return std::nullopt;
        rest = std::min(rest.value_or(Duration::max()), now - seen->since);
    }
    return rest;
}

std::optional<Finding> unserved_at_rest(const SeenSocket& socket, const Identity& process, Duration rest,
                                        Duration threshold) {
    if (socket.scans < 2 || rest < threshold) return std::nullopt;
    // What counts as work that somebody has to take is decided in one place: by find_unserved, for a queue as old as
    // that.
    const WaitScan scan{.sockets = {socket.last}, .sockets_seen = true};
    const HangSpec spec{.unserved = Duration::zero()};
    HangMemory memory;
    memory.take(scan, socket.since);
    memory.take(scan, socket.since);
    const WaitGraph graph(memory.threads());
    HangFindings out;
    const auto& seen = memory.sockets().begin()->second;
    find_unserved(
        {.spec = spec, .memory = memory, .graph = graph, .now = socket.since, .sockets = {{&seen, &seen.last}}}, out);
    if (out.found.empty()) return std::nullopt;
    auto finding = std::move(out.found.front());
    finding.process = process;
    finding.reason = fmt::format("{}, and no thread of {} has run for {}", queue_line(socket.last),
                                 socket.holders.size() > 1 ? fmt::format("its {} holders", socket.holders.size())
                                                           : std::string("it"),
                                 tell(rest));
    std::erase_if(finding.evidence, [](const Fact& fact) { return fact.key == "unserved_s"; });
    finding.evidence.emplace_back("at_rest_s", seconds_of(rest));
    if (socket.holders.size() > 1)
        finding.evidence.emplace_back("holders", static_cast<std::int64_t>(socket.holders.size()));
    return finding;
}

Verdict judge(const Sight& sight) {
    if (sight.threads.empty()) return {.kind = VerdictKind::gone, .reason = "it ended while it was looked at"};
    std::vector<const SeenThread*> living;
    std::ranges::copy_if(sight.threads, std::back_inserter(living), [](const auto* seen) { return !dead(seen->last); });
    if (living.empty()) return zombie(sight);
    auto verdict = alive(sight, living);
    verdict.kernel_thread = living.front()->last.kernel_thread;
    if (verdict.kernel_thread && verdict.kind == VerdictKind::idle) verdict.reason.clear();
    return verdict;
}

} // namespace nezuban
