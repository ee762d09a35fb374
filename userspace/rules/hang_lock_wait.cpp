// A thread waits for one lock longer than it should: told once for whatever the chain of waits ends at.
#include "core/tell.hpp"
#include "rules/hang_rules.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

namespace nezuban {

namespace {

// Those behind one cause: a thread that holds what they wait for, or a lock whose owner is not known.
struct Jam {
    const SeenThread* longest = nullptr;
    std::uint32_t waiters = 0;
    std::uint32_t root = 0;
};

std::set<std::uint32_t> told_already(const HangFindings& out) {
    std::set<std::uint32_t> tids;
    for (const auto& finding : out.found) {
        tids.insert(finding.tid);
        tids.insert(finding.others.begin(), finding.others.end());
    }
    return tids;
}

// What stands still as a whole has its own finding.
bool waits(const ThreadWait& wait) {
    return wait.state == ThreadState::sleeping || wait.state == ThreadState::uninterruptible;
}

void add_owner(const HangScene& scene, const Jam& jam, Finding& finding) {
    const auto& lock = *jam.longest->last.lock;
    if (lock.owner_tid == 0) {
        finding.reason += lock.readers > 0 ? fmt::format(", held by {} readers", lock.readers) : ", owner unknown";
        if (lock.readers > 0) finding.evidence.emplace_back("readers", lock.readers);
        return;
    }
    finding.evidence.emplace_back("owner_tid", lock.owner_tid);
    finding.evidence.emplace_back("owner_pid", lock.owner_pid);
    finding.reason += fmt::format(", held by tid {}", lock.owner_tid);
    if (jam.root != lock.owner_tid) {
        finding.reason += fmt::format(" (and that one, in the end, waits for tid {})", jam.root);
        finding.evidence.emplace_back("root_tid", jam.root);
    }
    const auto* root = scene.memory.thread(jam.root);
    if (root == nullptr) return;
    finding.reason +=
        fmt::format(", which is {} for {}", doing(root->last), tell(scene.memory.lasting(root->since, scene.now)));
    finding.evidence.emplace_back("owner_state", std::string(1, static_cast<char>(root->last.state)));
    if (root->last.syscall) finding.evidence.emplace_back("owner_syscall", told_syscall(root->last));
    if (!root->last.object.empty()) finding.evidence.emplace_back("owner_object", root->last.object);
    if (!root->last.kernel_stack.empty()) finding.evidence.emplace_back("owner_stack", root->last.kernel_stack);
}

} // namespace

void find_lock_waits(const HangScene& scene, HangFindings& out) {
    if (!scene.spec.lock_wait) return;
    const auto told = told_already(out);
    // By whoever ends the chain; where nobody is known, by the lock.
    std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint64_t>, Jam> jams;
    for (const auto* seen : scene.threads) {
        const auto& wait = seen->last;
        if (!wait.lock || !waits(wait) || wait.frozen || wait.lock->kind == LockKind::join) continue;
        // Where the cause has its finding already, that says how many wait for it.
        if (scene.spec.deadlock && scene.graph.may_be_deadlock(wait.thread.tid)) continue;
        const auto root = scene.graph.root_of(wait.thread.tid);
        if (root != 0 && told.contains(root)) continue;
        auto& jam = jams[root != 0 ? std::tuple(root, 0U, std::uint64_t{0})
                                   : std::tuple(0U, wait.process.pid, wait.lock->address)];
        if (jam.longest == nullptr || seen->since < jam.longest->since) jam.longest = seen;
        ++jam.waiters;
        jam.root = root;
    }
    for (const auto& [cause, jam] : jams) {
        const auto& wait = jam.longest->last;
        if (!lasted(scene, jam.longest->since, *scene.spec.lock_wait, out.due)) continue;
        // Who holds a lock is asked for when a scan has shown that somebody does: the next one tells what he is doing.
        if (jam.root != 0 && scene.memory.thread(jam.root) == nullptr && jam.longest->scans == 1) {
            earlier(out.due, scene.now);
            continue;
        }
        Finding finding{.kind = HangKind::lock_wait,
                        .process = wait.process,
                        .tid = wait.thread.tid,
                        .thread_start_ns = jam.waiters == 1 ? wait.thread.start_ns : 0,
                        .since = jam.longest->since,
                        .reason = fmt::format("{} {} for lock {:#x}, the longest (tid {}, {}) for {}", jam.waiters,
                                              jam.waiters == 1 ? "thread waits" : "threads wait", wait.lock->address,
                                              wait.thread.tid, wait.comm,
                                              tell(scene.memory.lasting(jam.longest->since, scene.now))),
                        .evidence = {{"tid", wait.thread.tid},
                                     {"comm", wait.comm},
                                     {"lock", fmt::format("{:#x}", wait.lock->address)},
                                     {"waiters", jam.waiters}},
                        // Not by who holds it: a lock may be passed on and on past somebody.
                        .key = fmt::format("lock_wait {} {:#x}", wait.process.pid, wait.lock->address),
                        // What can't be shown to be a lock may be a pool that idles: told, never ended.
                        .restartable = wait.lock->kind != LockKind::unknown};
        add_owner(scene, jam, finding);
        out.found.push_back(std::move(finding));
    }
}

} // namespace nezuban
