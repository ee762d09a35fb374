// A thread burns CPU and neither calls the kernel nor gives up its processor.
#include "core/tell.hpp"
#include "rules/hang_rules.hpp"

#include <algorithm>
#include <string>

#include <fmt/format.h>

namespace nezuban {

namespace {

// Counting every system call of a machine costs it some nanoseconds each: only for who has burnt this much without any
// sign of one.
constexpr Duration suspicious = 200ms;

// A look often is enough: who gets a hundredth of a processor would be due for a very long time.
constexpr Duration soonest = 1s;

// Those that were seen have begun a new time (HangMemory); others leave traces. Ticks and interrupts are charged as
// system time to whom they interrupt: a hundredth, and a few ticks.
bool calls_the_kernel(const SeenThread& seen) {
    const auto system = seen.last.system - seen.system_at_call;
    const auto cpu = seen.last.cpu - seen.cpu_at_call;
    return system > cpu / 20 + 40ms;
}

// Only registers tell.
std::string where(const ThreadWait& wait) {
    return wait.user_address == 0 ? std::string() : fmt::format(", at {:#x}", wait.user_address);
}

} // namespace

void find_spinning(const HangScene& scene, HangFindings& out) {
    if (!scene.spec.spinning) return;
    for (const auto* seen : scene.threads) {
        const auto& wait = seen->last;
        if (wait.state != ThreadState::running || wait.frozen || wait.kernel_thread || calls_the_kernel(*seen))
            continue;
        // In its own time: on a crowded machine a thread that only wants to run burns nothing.
        const auto burnt = wait.cpu - seen->cpu_at_call;
        if (!wait.syscalls && seen->scans > 1 && burnt >= suspicious) out.spinners.push_back(seen);
        if (burnt < *scene.spec.spinning) {
            earlier(out.due, scene.now + std::max(*scene.spec.spinning - burnt, soonest));
            continue;
        }
        out.found.push_back({.kind = HangKind::spinning,
                             .process = wait.process,
                             .tid = wait.thread.tid,
                             .thread_start_ns = wait.thread.start_ns,
                             .since = seen->uncalled_since,
                             .reason = fmt::format("tid {} ({}) has burnt {} of CPU without a system call{}",
                                                   wait.thread.tid, wait.comm, tell(burnt), where(wait)),
                             .evidence = {{"tid", wait.thread.tid},
                                          {"comm", wait.comm},
                                          {"cpu_s", seconds_of(burnt)},
                                          {"syscalls_counted", wait.syscalls.has_value()}},
                             .key = fmt::format("spinning {}", wait.thread.tid)});
        if (wait.user_address != 0)
            out.found.back().evidence.emplace_back("user_address", fmt::format("{:#x}", wait.user_address));
        add_waiting(scene, out.found.back());
    }
}

} // namespace nezuban
