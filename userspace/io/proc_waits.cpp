#include "io/proc_waits.hpp"

#include "io/clock.hpp"
#include "io/frozen.hpp"
#include "io/proc_files.hpp"
#include "io/proc_thread.hpp"

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace nezuban {

namespace {

constexpr int files_a_slice = 120; // 8 µs each
// When a disk is gone, thousands are in D in the same place.
constexpr int stacks_a_pass = 256;

// Whatever the kernel's version: futex_wait_queue_me, futex_do_wait, rt_mutex_wait_proxy_lock. Where it isn't told, it
// may be.
bool may_be_futex(std::string_view where) {
    return where.empty() || where.find("futex") != where.npos || where.find("rt_mutex") != where.npos;
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
};

} // namespace

struct ProcWaits::State {
    using Sink = std::function<void(ThreadWait)>;

    Result<void> begin(const ScanWish& wanted_now);
    Result<bool> read_slice(const Sink& sink);
    Result<bool> next_process();
    Result<void> look_at(std::uint32_t tid, const Sink& sink);
    [[nodiscard]] bool wanted(const ThreadWait& wait) const;
    [[nodiscard]] bool in_frozen_group();
    void measure(ThreadWait& wait);

    ScanWish wish;
    std::unordered_set<std::uint32_t> processes_asked;
    std::unordered_set<std::uint32_t> threads_asked;
    ProcNumbers processes;
    ProcNumbers threads; // of the process that is looked at
    std::optional<ProcFolder> folder;
    Identity process;
    std::optional<bool> frozen_group;               // that process is in one; absent: not asked for yet
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
        frozen_group.reset();
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
    const bool in_kernel = wait.state != ThreadState::running && !(*stat)->dead();
    const bool in_d = wait.state == ThreadState::uninterruptible;
    bool unsaid = false; // where it waits: before 5.16 that of few functions is known
    if (in_kernel) {
        const auto where = thread.wchan();
        ++work;
        if (!asked && !by_itself(wait.state) && !may_be_futex(where)) return {};
        wait.frozen = waits_frozen(where) || (in_d && in_frozen_group());
        unsaid = in_d && where.empty() && !wait.frozen;
    }
    ++work;
    if (!thread.add_status(wait) && !asked) return {};
    measure(wait);
    const bool waits = in_d || wait.state == ThreadState::sleeping;
    if (!asked && waits && wait.off_cpu < wish.least) return {};
    if (in_kernel) wait.to_read = asked || by_itself(wait.state) ? ToRead::call : ToRead::if_lock;
    if (in_kernel && (asked || (in_d && stacks++ < stacks_a_pass))) wait.to_read = ToRead::call_and_stack;
    if (unsaid) {
        wait.frozen = true; // as long as its stack doesn't say otherwise, it is no hang
        if (wait.to_read == ToRead::call_and_stack) wait.to_read = ToRead::whether_frozen;
    }
    sink(std::move(wait));
    return {};
}

bool ProcWaits::State::in_frozen_group() {
    if (!frozen_group) {
        frozen_group = in_frozen_cgroup(process.pid);
        work += 2;
    }
    return *frozen_group;
}

// A thread that has run since has switched, or was found running.
void ProcWaits::State::measure(ThreadWait& wait) {
    const auto at = monotonic_now();
    Seen seen{.start_ns = wait.thread.start_ns, .state = wait.state, .switches = wait.switches(), .since = at};
    const auto known = before.find(wait.thread.tid);
    if (known != before.end() && known->second.start_ns == seen.start_ns && known->second.state == seen.state
        && known->second.switches == seen.switches)
        seen.since = known->second.since;
    if (wait.state != ThreadState::running) wait.off_cpu = at - seen.since;
    now[wait.thread.tid] = seen;
}

} // namespace nezuban
