#include "io/proc_waits.hpp"

#include "io/clock.hpp"
#include "io/proc_thread.hpp"

#include <utility>

#include <linux/futex.h>
#include <sys/syscall.h>

namespace nezuban {

namespace {

constexpr int files_a_slice = 120; // 8 µs each
// When a disk is gone, thousands are in D in the same place.
constexpr int stacks_a_pass = 256;

// As bpf/waits.bpf.c has it: the condition variables and semaphores of glibc wait for a 0 to change, its locks never.
bool may_wait_for_lock(const Syscall& call) {
    constexpr unsigned long lock_pi2 = 13; // FUTEX_LOCK_PI2, of 5.14
    if (call.compat || call.number != SYS_futex) return false;
    switch (call.args[1] & static_cast<unsigned long>(FUTEX_CMD_MASK)) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET: return static_cast<std::uint32_t>(call.args[2]) != 0;
    case FUTEX_LOCK_PI:
    case lock_pi2: return true;
    default: return false;
    }
}

bool by_itself(ThreadState state) {
    return state == ThreadState::stopped || state == ThreadState::traced || state == ThreadState::uninterruptible
           || state == ThreadState::running;
}

} // namespace

Result<void> ProcWaits::begin_threads(const ScanWish& wish) {
    wish_ = wish;
    processes_asked_ = {wish.processes.begin(), wish.processes.end()};
    threads_asked_ = {wish.threads.begin(), wish.threads.end()};
    stacks_ = 0;
    threads_ = {};
    now_.clear();
    auto processes = ProcNumbers::open("/proc");
    if (!processes) return std::unexpected(processes.error());
    processes_ = std::move(*processes);
    return {};
}

Result<bool> ProcWaits::read_threads(const std::function<void(ThreadWait)>& sink) {
    work_ = 0;
    while (work_ < files_a_slice) {
        const auto tid = threads_.next();
        if (!tid) return std::unexpected(tid.error());
        if (!*tid) {
            const auto more = next_process();
            if (!more) return std::unexpected(more.error());
            if (*more) continue;
            before_ = std::move(now_);
            now_.clear();
            return false;
        }
        if (auto looked = look_at(**tid, sink); !looked) return std::unexpected(looked.error());
    }
    return true;
}

// False: there is none.
Result<bool> ProcWaits::next_process() {
    while (true) {
        const auto pid = processes_.next();
        if (!pid) return std::unexpected(pid.error());
        if (!*pid) return false;
        auto folder = ProcFolder::tasks_of(**pid);
        if (!folder) return std::unexpected(folder.error());
        if (!*folder) continue;
        folder_ = std::move(*folder);
        const auto leader = ProcThread(*folder_, **pid).stat();
        ++work_;
        if (!leader) return std::unexpected(leader.error());
        if (!*leader) continue;
        process_ = {.pid = **pid, .start_ns = start_ns(**leader)};
        auto threads = ProcNumbers::threads_of(**pid);
        if (!threads) return std::unexpected(threads.error());
        threads_ = std::move(*threads);
        return true;
    }
}

bool ProcWaits::wanted(const ThreadWait& wait) const {
    switch (wait.state) {
    case ThreadState::running: return wish_.running;
    case ThreadState::uninterruptible: return wish_.uninterruptible;
    case ThreadState::stopped:
    case ThreadState::traced: return wish_.stopped;
    case ThreadState::sleeping: return wish_.locks; // it remains to be seen
    default: return false;
    }
}

Result<void> ProcWaits::look_at(std::uint32_t tid, const std::function<void(ThreadWait)>& sink) {
    ProcThread thread(*folder_, tid);
    const auto stat = thread.stat();
    ++work_;
    if (!stat) return std::unexpected(stat.error());
    if (!*stat) return {};
    const bool asked = processes_asked_.contains(process_.pid) || threads_asked_.contains(tid);
    ThreadWait wait{.process = process_};
    thread.add_stat(**stat, wait);
    if (!asked && (!wanted(wait) || (*stat)->ending())) return {};
    const bool running = wait.state == ThreadState::running;
    if (!running && !(*stat)->dead()) {
        thread.add_syscall(wait);
        ++work_;
        if (!asked && !by_itself(wait.state) && !(wait.syscall && may_wait_for_lock(*wait.syscall))) return {};
        thread.add_frozen(wait);
        ++work_;
    }
    thread.add_status(wait);
    work_ += 2;
    measure(wait, running ? thread.reads_and_writes() : std::nullopt);
    const bool waits = wait.state == ThreadState::uninterruptible || wait.state == ThreadState::sleeping;
    if (!asked && waits && wait.off_cpu < wish_.least) return {};
    if (!running && (asked || (wait.state == ThreadState::uninterruptible && stacks_ < stacks_a_pass))) {
        thread.add_stack(wait);
        ++stacks_;
        ++work_;
    }
    sink(std::move(wait));
    return {};
}

// A thread that has run since has switched, or was found running.
void ProcWaits::measure(ThreadWait& wait, std::optional<std::uint64_t> reads_and_writes) {
    const auto now = monotonic_now();
    Seen seen{.start_ns = wait.thread.start_ns,
              .state = wait.state,
              .switches = wait.switches(),
              .since = now,
              .reads_and_writes = reads_and_writes};
    const auto known = before_.find(wait.thread.tid);
    if (known != before_.end() && known->second.start_ns == seen.start_ns && known->second.state == seen.state) {
        const auto& before = known->second;
        if (before.switches == seen.switches) seen.since = before.since;
        if (reads_and_writes && before.reads_and_writes)
            wait.entered_by_syscall = *reads_and_writes != *before.reads_and_writes;
    }
    if (wait.state != ThreadState::running) wait.off_cpu = now - seen.since;
    now_[wait.thread.tid] = seen;
}

} // namespace nezuban
