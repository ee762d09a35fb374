// In D without a switch for so long: neither a signal nor anything else gets it out before what it waits for comes.
#include "core/tell.hpp"
#include "rules/hang_rules.hpp"

#include <fmt/format.h>

namespace nezuban {

void find_uninterruptible(const HangScene& scene, HangFindings& out) {
    if (!scene.spec.uninterruptible) return;
    for (const auto* seen : scene.threads) {
        const auto& wait = seen->last;
        if (wait.state != ThreadState::uninterruptible || wait.frozen) continue;
        if (!lasted(scene, seen->since, *scene.spec.uninterruptible, out.due)) continue;
        const auto so_long = scene.memory.lasting(seen->since, scene.now);
        Finding finding{.kind = HangKind::uninterruptible,
                        .process = wait.process,
                        .tid = wait.thread.tid,
                        .thread_start_ns = wait.thread.start_ns,
                        .since = seen->since,
                        .reason = fmt::format("tid {} ({}) is {} for {}; SIGKILL {} end it", wait.thread.tid, wait.comm,
                                              doing(wait), tell(so_long), wait.killable ? "can" : "can't"),
                        .evidence = {{"tid", wait.thread.tid},
                                     {"comm", wait.comm},
                                     {"state", "D"},
                                     {"off_cpu_s", seconds(so_long)},
                                     {"killable", wait.killable}},
                        .key = fmt::format("uninterruptible {} {}", wait.thread.tid, wait.switches()),
                        .killable = wait.killable};
        if (wait.syscall) finding.evidence.emplace_back("syscall", told_syscall(wait));
        if (!wait.object.empty()) finding.evidence.emplace_back("object", wait.object);
        if (!wait.kernel_stack.empty()) finding.evidence.emplace_back("kernel_stack", wait.kernel_stack);
        add_waiting(scene, wait.thread.tid, finding);
        out.found.push_back(std::move(finding));
    }
}

} // namespace nezuban
