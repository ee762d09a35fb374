// Stopped by a signal, or held by a debugger, for so long: one finding a process, however many threads it has.
#include "core/signal_names.hpp"
#include "core/tell.hpp"
#include "rules/hang_rules.hpp"

#include <set>

#include <fmt/format.h>

namespace nezuban {

namespace {

std::string stopped_how(const ThreadWait& wait) {
    if (wait.state == ThreadState::traced && wait.tracer_pid != 0)
        return fmt::format("is held by its debugger {} (pid {})", wait.tracer_comm, wait.tracer_pid);
    if (!wait.stopped_by) return "is stopped; who stopped it was not seen";
    const auto& sender = *wait.stopped_by;
    if (sender.pid == 0) return fmt::format("is stopped by {} from its terminal", signal_name(sender.signal));
    return fmt::format("is stopped by {} from {} (pid {}, uid {})", signal_name(sender.signal), sender.comm, sender.pid,
                       sender.uid);
}

} // namespace

void find_stopped(const HangScene& scene, HangFindings& out) {
    if (!scene.spec.stopped) return;
    std::set<Identity> told;
    for (const auto* seen : scene.threads) {
        const auto& wait = seen->last;
        const bool traced = wait.state == ThreadState::traced;
        if ((wait.state != ThreadState::stopped && !traced) || wait.frozen) continue;
        if (!lasted(scene, seen->since, *scene.spec.stopped, out.due) || !told.insert(wait.process).second) continue;
        const auto so_long = scene.memory.lasting(seen->since, scene.now);
        Finding finding{.kind = HangKind::stopped,
                        .process = wait.process,
                        .tid = wait.thread.tid,
                        .thread_start_ns = wait.thread.start_ns,
                        .since = seen->since,
                        .reason = fmt::format("pid {} ({}) {}, for {}", wait.process.pid, wait.comm, stopped_how(wait),
                                              tell(so_long)),
                        .evidence = {{"tid", wait.thread.tid},
                                     {"comm", wait.comm},
                                     {"state", traced ? "t" : "T"},
                                     {"stopped_s", seconds_of(so_long)}},
                        .key = fmt::format("stopped {} {}", wait.process.pid, traced ? "t" : "T"),
                        // Whoever debugs it wants it as it is.
                        .restartable = !traced};
        if (wait.tracer_pid != 0) {
            finding.evidence.emplace_back("tracer_pid", wait.tracer_pid);
            finding.evidence.emplace_back("tracer_comm", wait.tracer_comm);
        }
        if (wait.stopped_by && !traced) {
            finding.evidence.emplace_back("signal", signal_name(wait.stopped_by->signal));
            finding.evidence.emplace_back("sender_pid", wait.stopped_by->pid);
            finding.evidence.emplace_back("sender_comm", wait.stopped_by->comm);
            finding.evidence.emplace_back("sender_uid", wait.stopped_by->uid);
        }
        add_waiting(scene, finding);
        out.found.push_back(std::move(finding));
    }
}

} // namespace nezuban
