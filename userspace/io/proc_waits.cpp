#include "io/proc_waits.hpp"

#include "io/clock.hpp"
#include "io/proc_files.hpp"
#include "io/proc_thread.hpp"

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <unordered_set>
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

// A wait, or a turn on a processor, seen before.
struct Seen {
    std::uint64_t start_ns = 0; // of the thread
    ThreadState state = ThreadState::running;
    std::uint64_t switches = 0;
    Time since;
    std::optional<std::uint64_t> reads_and_writes;
};

} // namespace

struct ProcWaits::State {
    using Sink = std::function<void(ThreadWait)>;

    Result<void> begin(const ScanWish& wanted_now);
    Result<bool> read_slice(const Sink& sink);
    Result<bool> next_process();
    Result<void> look_at(std::uint32_t tid, const Sink& sink);
    [[nodiscard]] bool wanted(const ThreadWait& wait) const;
    void measure(ThreadWait& wait, std::optional<std::uint64_t> reads_and_writes);

    ScanWish wish;
    std::unordered_set<std::uint32_t> processes_asked;
    std::unordered_set<std::uint32_t> threads_asked;
    ProcNumbers processes;
    ProcNumbers threads; // of the process that is looked at
    std::optional<ProcFolder> folder;
    Identity process;
    int work = 0;                                   // files read in this slice
    int stacks = 0;                                 // read in this pass
    std::unordered_map<std::uint32_t, Seen> before; // by tid; in the last pass
    std::unordered_map<std::uint32_t, Seen> now;
};

ProcWaits::ProcWaits() : state_(std::make_unique<State>()) {}
ProcWaits::~ProcWaits() = default;
ProcWaits::ProcWaits(ProcWaits&&) noexcept = default;
ProcWaits& ProcWaits::operator=(ProcWaits&&) noexcept = default;

Result<void> ProcWaits::begin_threads(const ScanWish& wish) {
    return state_->begin(wish);
}

Result<bool> ProcWaits::read_threads(const std::function<void(ThreadWait)>& sink) {
    return state_->read_slice(sink);
}

Result<void> ProcWaits::State::begin(const ScanWish& wanted_now) {
    wish = wanted_now;
    processes_asked = {wish.processes.begin(), wish.processes.end()};
    threads_asked = {wish.threads.begin(), wish.threads.end()};
    stacks = 0;
    threads = {};
    now.clear();
    auto all = ProcNumbers::open("/proc");
    if (!all) return std::unexpected(all.error());
    processes = std::move(*all);
    return {};
}

Result<bool> ProcWaits::State::read_slice(const Sink& sink) {
    work = 0;
    while (work < files_a_slice) {
        const auto tid = threads.next();
        if (!tid) return std::unexpected(tid.error());
        if (!*tid) {
            const auto more = next_process();
            if (!more) return std::unexpected(more.error());
            if (*more) continue;
            before = std::move(now);
            now.clear();
            return false;
        }
        if (auto looked = look_at(**tid, sink); !looked) return std::unexpected(looked.error());
    }
    return true;
}

// False: there is none.
Result<bool> ProcWaits::State::next_process() {
    while (true) {
        const auto pid = processes.next();
        if (!pid) return std::unexpected(pid.error());
        if (!*pid) return false;
        auto opened = ProcFolder::tasks_of(**pid);
        if (!opened) return std::unexpected(opened.error());
        if (!*opened) continue;
        folder = std::move(*opened);
        const auto leader = ProcThread(*folder, **pid).stat();
        ++work;
        if (!leader) return std::unexpected(leader.error());
        if (!*leader) continue;
        process = {.pid = **pid, .start_ns = start_ns(**leader)};
        auto tids = ProcNumbers::threads_of(**pid);
        if (!tids) return std::unexpected(tids.error());
        threads = std::move(*tids);
        return true;
    }
}

bool ProcWaits::State::wanted(const ThreadWait& wait) const {
    switch (wait.state) {
    case ThreadState::running: return wish.running;
    case ThreadState::uninterruptible: return wish.uninterruptible;
    case ThreadState::stopped:
    case ThreadState::traced: return wish.stopped;
    case ThreadState::sleeping: return wish.locks; // it remains to be seen
    default: return false;
    }
}

Result<void> ProcWaits::State::look_at(std::uint32_t tid, const Sink& sink) {
    ProcThread thread(*folder, tid);
    const auto stat = thread.stat();
    ++work;
    if (!stat) return std::unexpected(stat.error());
    if (!*stat) return {};
    const bool asked = processes_asked.contains(process.pid) || threads_asked.contains(tid);
    ThreadWait wait{.process = process};
    thread.add_stat(**stat, wait);
    if (!asked && (!wanted(wait) || (*stat)->ending())) return {};
    const bool running = wait.state == ThreadState::running;
    if (!running && !(*stat)->dead()) {
        thread.add_syscall(wait);
        ++work;
        if (!asked && !by_itself(wait.state) && !(wait.syscall && may_wait_for_lock(*wait.syscall))) return {};
        thread.add_frozen(wait);
        ++work;
    }
    thread.add_status(wait);
    work += 2;
    measure(wait, running ? thread.reads_and_writes() : std::nullopt);
    const bool waits = wait.state == ThreadState::uninterruptible || wait.state == ThreadState::sleeping;
    if (!asked && waits && wait.off_cpu < wish.least) return {};
    if (!running && (asked || (wait.state == ThreadState::uninterruptible && stacks < stacks_a_pass))) {
        thread.add_stack(wait);
        ++stacks;
        ++work;
    }
    sink(std::move(wait));
    return {};
}

// A thread that has run since has switched, or was found running.
void ProcWaits::State::measure(ThreadWait& wait, std::optional<std::uint64_t> reads_and_writes) {
    const auto at = monotonic_now();
    Seen seen{.start_ns = wait.thread.start_ns,
              .state = wait.state,
              .switches = wait.switches(),
              .since = at,
              .reads_and_writes = reads_and_writes};
    const auto known = before.find(wait.thread.tid);
    if (known != before.end() && known->second.start_ns == seen.start_ns && known->second.state == seen.state) {
        const auto& last = known->second;
        if (last.switches == seen.switches) seen.since = last.since;
        if (reads_and_writes && last.reads_and_writes)
            wait.entered_by_syscall = *reads_and_writes != *last.reads_and_writes;
    }
    if (wait.state != ThreadState::running) wait.off_cpu = at - seen.since;
    now[wait.thread.tid] = seen;
}

} // namespace nezuban
