#include "rules/hang_rules.hpp"

#include <fmt/format.h>

namespace nezuban {

HangFindings find_hangs(const HangScene& scene) {
    HangFindings out;
    find_uninterruptible(scene, out);
    find_stopped(scene, out);
    find_deadlocks(scene, out);
    find_spinning(scene, out);
    find_unserved(scene, out);
    find_silent(scene, out);
    find_lock_waits(scene, out);
    return out;
}

bool lasted(const HangScene& scene, Time since, Duration threshold, std::optional<Time>& due) {
    const auto missing = threshold - scene.memory.lasting(since, scene.now);
    if (missing <= Duration::zero()) return true;
    earlier(due, scene.now + missing);
    return false;
}

void earlier(std::optional<Time>& time, Time other) {
    if (!time || other < *time) time = other;
}

std::string told_syscall(const ThreadWait& wait) {
    if (!wait.syscall) return {};
    if (!wait.syscall->name.empty()) return wait.syscall->name;
    return fmt::format("{}system call {}", wait.syscall->compat ? "32-bit " : "", wait.syscall->number);
}

std::string doing(const ThreadWait& wait) {
    std::string text = wait.state == ThreadState::running ? std::string(wait.on_cpu ? "running" : "ready to run")
                                                          : fmt::format("in {}", static_cast<char>(wait.state));
    if (const auto call = told_syscall(wait); !call.empty()) text += " in " + call;
    if (const auto& what = wait.object.empty() ? wait.device : wait.object; !what.empty()) text += " on " + what;
    return text;
}

void add_waiting(const HangScene& scene, Finding& finding) {
    auto waiting = scene.graph.waiting_for(finding.tid).size();
    for (const auto other : finding.others) {
        waiting += scene.graph.waiting_for(other).size();
    }
    if (waiting == 0) return;
    finding.reason += fmt::format("; {} {} for {} that it holds", waiting,
                                  waiting == 1 ? "thread waits" : "threads wait", waiting == 1 ? "a lock" : "locks");
    finding.evidence.emplace_back("waiting", static_cast<std::int64_t>(waiting));
}

} // namespace nezuban
