#include "rules/hang_memory.hpp"

#include <algorithm>
#include <optional>

namespace nezuban {

namespace {

constexpr std::size_t gaps_kept = 16;

bool off_cpu(ThreadState state) {
    return state != ThreadState::running;
}

bool same_wait(const ThreadWait& before, const ThreadWait& now) {
    if (before.thread != now.thread || off_cpu(before.state) != off_cpu(now.state)) return false;
    // Who spins is interrupted again and again; who waits has no switch at all, and one state.
    if (!off_cpu(now.state)) return before.voluntary_switches == now.voluntary_switches;
    return before.state == now.state && before.switches() == now.switches();
}

Time began(const ThreadWait& wait, Time now) {
    return off_cpu(wait.state) ? now - wait.off_cpu : now;
}

SeenThread seen(const SeenThread* before, const ThreadWait& wait, Time now) {
    const bool locked = wait.lock && wait.lock->owner_tid != 0;
    if (before == nullptr || !same_wait(before->last, wait))
        return {.last = wait,
                .since = began(wait, now),
                .cpu_before = wait.cpu,
                .uncalled_since = now,
                .cpu_at_call = wait.cpu,
                .system_at_call = wait.system,
                .scans = 1,
                .lock_scans = locked ? 1U : 0U,
                .looked_into = wait.lock.has_value()};
    SeenThread after = *before;
    after.last = wait;
    after.since = std::min(after.since, began(wait, now));
    after.looked_into = wait.lock.has_value();
    after.missed = false;
    if (wait.entered_by_syscall || wait.syscalls.value_or(0) > 0) {
        after.uncalled_since = now;
        after.cpu_at_call = wait.cpu;
        after.system_at_call = wait.system;
    }
    ++after.scans;
    // Not looked at this time (the examiner was busy) is no answer; the wait is still the same one.
    if (!wait.lock)
        after.last.lock = before->last.lock;
    else
        after.lock_scans = !locked ? 0 : before->last.lock == wait.lock ? before->lock_scans + 1 : 1;
    return after;
}

} // namespace

void HangMemory::take(const WaitScan& scan, Time now) {
    std::map<std::uint32_t, SeenThread> threads;
    for (const auto& wait : scan.threads) {
        const auto before = threads_.find(wait.thread.tid);
        threads[wait.thread.tid] = seen(before == threads_.end() ? nullptr : &before->second, wait, now);
    }
    if (!scan.complete) {
        std::erase_if(threads_, [](const auto& pair) { return pair.second.missed; });
        for (auto& [tid, thread] : threads_) {
            thread.missed = true;
        }
        threads.merge(threads_);
    }
    threads_ = std::move(threads);

    if (!scan.sockets_seen || !scan.complete) return;
    std::map<SocketKey, SeenSocket> sockets;
    for (const auto& queue : scan.sockets) {
        const SocketKey key{queue.network_namespace, queue.inode};
        if (const auto known = sockets.find(key); known != sockets.end()) {
            known->second.holders.push_back(queue);
            continue;
        }
        const auto before = sockets_.find(key);
        // The marks of two holders are those of one socket, looked at twice.
        const bool same = before != sockets_.end() && before->second.last.mark == queue.mark;
        sockets[key] = {.last = queue,
                        .holders = {queue},
                        .since = same ? before->second.since : now,
                        .scans = same ? before->second.scans + 1 : 1};
    }
    sockets_ = std::move(sockets);
}

void HangMemory::forget(const Identity& process, std::uint32_t tid) {
    const auto found = threads_.find(tid);
    if (found != threads_.end() && found->second.last.process == process) threads_.erase(found);
}

const SeenThread* HangMemory::thread(std::uint32_t tid) const {
    const auto found = threads_.find(tid);
    return found == threads_.end() ? nullptr : &found->second;
}

void HangMemory::gap(Time from, Time to) {
    if (!gaps_.empty()) from = std::max(from, gaps_.back().second); // no time is missing twice
    if (from >= to) return;
    if (gaps_.size() == gaps_kept) gaps_.erase(gaps_.begin());
    gaps_.emplace_back(from, to);
}

Duration HangMemory::lasting(Time since, Time now) const {
    Duration lasted = now - since;
    for (const auto& [from, to] : gaps_) {
        lasted -= std::max(std::min(to, now) - std::max(from, since), Duration::zero());
    }
    return lasted;
}

} // namespace nezuban
