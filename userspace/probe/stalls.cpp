#include "probe/stalls.hpp"

#include "probe/libbpf.hpp"
#include "probe/owned.hpp"
#include "probe/visit.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <map>
#include <numeric>
#include <set>
#include <span>
#include <tuple>
#include <utility>

#include <bpf/bpf.h>
#include <nezuban/stalls.h>
#include <unistd.h>

#include <sched.skel.h>
#include <sched_hash.skel.h>
#include <sched_hash_raw.skel.h>

namespace nezuban {

namespace {

// The resolution of the kernel's coarse clocks is a jiffy, on every kernel and without a look at its configuration.
std::uint64_t jiffy() {
    timespec tick{};
    clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
    return static_cast<std::uint64_t>(tick.tv_nsec);
}

Duration nanoseconds(std::uint64_t ns) {
    return Duration(static_cast<Duration::rep>(ns));
}

// Half of the stalls were shorter than this.
Duration median(std::span<const std::uint32_t> slots) {
    const auto all = std::accumulate(slots.begin(), slots.end(), std::uint64_t{0});
    std::uint64_t below = 0;
    for (std::size_t slot = 0; slot < slots.size(); ++slot) {
        below += slots[slot];
        if (below > 0 && 2 * below >= all) return std::chrono::milliseconds(std::uint64_t{2} << slot);
    }
    return {};
}

// The programs of one of the objects: who is watched is kept in task storage or in a hash, which can't be seen from
// here.
struct Programs {
    std::shared_ptr<void> skeleton; // what all others point into
    bpf_object* object = nullptr;
    bpf_program* on_switch = nullptr;
    bpf_program* on_syscall = nullptr;
    bpf_map* ring = nullptr;
    bpf_map* followed = nullptr;
    bpf_map* spinners = nullptr;
    const __u64* lost = nullptr;
    nz_visit* mailbox = nullptr;
    Walk walk;
};

template <typename Skeleton> Walk walk_of(const Skeleton& skeleton) {
    const int program = bpf_program__fd(skeleton.progs.visit_process);
    if constexpr (requires { skeleton.bss->visit_next; })
        return walk_by_program(program, skeleton.bss->visit_next);
    else
        return walk_by_iterator(program);
}

template <typename Skeleton> int load(Programs& programs, bool with_syscalls) {
    Owned<Skeleton> skeleton(Skeleton::open());
    if (!skeleton) return -errno;
    const auto tick = jiffy();
    skeleton->rodata->tick_ns = tick;
    skeleton->rodata->floor_ticks = std::max<std::uint64_t>(1, NZ_STALL_FLOOR_MS * 1'000'000ULL / tick);
    bpf_program__set_autoload(skeleton->progs.handle_switch, true);
    bpf_program__set_autoload(skeleton->progs.handle_syscall, with_syscalls);
    if (const int error = Skeleton::load(skeleton.get()); error != 0) return error;
    programs = Programs{.object = skeleton->obj,
                        .on_switch = skeleton->progs.handle_switch,
                        .on_syscall = skeleton->progs.handle_syscall,
                        .ring = skeleton->maps.stalls,
                        .followed = skeleton->maps.followed,
                        .spinners = skeleton->maps.spinners,
                        .lost = &skeleton->bss->lost,
                        .mailbox = &skeleton->bss->visit,
                        .walk = walk_of(*skeleton)};
    programs.skeleton = std::shared_ptr<Skeleton>(std::move(skeleton));
    return 0;
}

int load(Programs& programs, const Features& features) {
    if (features.stall_storage) return load<sched_bpf>(programs, features.system_calls);
    if (features.typed_tracepoints) return load<sched_hash_bpf>(programs, features.system_calls);
    return load<sched_hash_raw_bpf>(programs, features.system_calls);
}

} // namespace

struct Stalls::State {
    Programs programs;
    Owned<ring_buffer> ring;
    Owned<bpf_link> switches; // while somebody is watched or followed
    Owned<bpf_link> syscalls; // while they are counted
    std::map<Identity, Duration> watched;
    std::set<std::uint32_t> followed; // tids
    std::vector<ThreadId> counted;

    // Of the drain under way.
    const std::function<void(Stamped)>* sink = nullptr;
    std::size_t left = 0;
    std::vector<Identity> followed_no_more;

    Result<void> attach_to_switches() {
        if (switches) return {};
        const LibbpfLog log;
        switches.reset(bpf_program__attach(programs.on_switch));
        if (!switches) return log.error("attaching to context switches", errno);
        return {};
    }
    // An empty program costs each switch of the machine some 20 ns, none costs nothing.
    void detach_if_unused() {
        if (watched.empty() && followed.empty()) switches.reset();
    }

    Result<nz_visit> visit(const Identity& process, nz_visit_wish wish, Duration threshold = {},
                           const ThreadId& thread = {}) const {
        nz_visit asked{};
        asked.start_ns = process.start_ns;
        asked.pid = process.pid;
        asked.wish = wish;
        asked.threshold_ns = static_cast<std::uint64_t>(std::max<Duration::rep>(threshold.count(), 0));
        asked.tid = thread.tid;
        asked.thread_start_ns = thread.start_ns;
        return visit_threads(programs.walk, asked, *programs.mailbox);
    }

    // In the kernel; it may have been followed again since it was told.
    [[nodiscard]] bool is_followed(std::uint32_t tid) const {
        nz_followed entry{};
        return bpf_map_lookup_elem(bpf_map__fd(programs.followed), &tid, &entry) == 0;
    }
    // Whoever isn't watched and of whom no thread is followed or counted costs nothing again. It may be gone already.
    void release(const Identity& process) const {
        if (!watched.contains(process)) std::ignore = visit(process, NZ_VISIT_FORGET);
    }

    static int on_record(void* context, void* data, std::size_t size) {
        auto* self = static_cast<State*>(context);
        if (size >= sizeof(nz_stall)) {
            nz_stall stall{};
            std::memcpy(&stall, data, sizeof(stall));
            const Identity process{.pid = stall.pid, .start_ns = stall.start_ns};
            if (stall.tid != 0 && !self->is_followed(stall.tid)) {
                self->followed.erase(stall.tid);
                self->followed_no_more.push_back(process);
            }
            (*self->sink)({Time(nanoseconds(stall.time_ns)),
                           Stalled{.process = process, .tid = stall.tid, .off_cpu = nanoseconds(stall.off_ns)}});
        }
        return --self->left == 0 ? -EAGAIN : 0;
    }
};

Stalls::Stalls(std::unique_ptr<State> state) : state_(std::move(state)) {}
Stalls::~Stalls() = default;
Stalls::Stalls(Stalls&&) noexcept = default;
Stalls& Stalls::operator=(Stalls&&) noexcept = default;

Result<Stalls> Stalls::attach(const Features& features) {
    const LibbpfLog log;
    if (!features.stalls) return fail("no tracepoint sched_switch", EOPNOTSUPP);
    auto state = std::make_unique<State>();
    if (const int error = load(state->programs, features); error != 0)
        return log.error("loading the stall tracking", -error);
    state->ring.reset(ring_buffer__new(bpf_map__fd(state->programs.ring), State::on_record, state.get(), nullptr));
    if (!state->ring) return log.error("mapping the ring of stalls", errno);
    // A kernel that refuses does it here, and not when somebody hangs.
    if (auto attached = state->attach_to_switches(); !attached) return std::unexpected(attached.error());
    state->detach_if_unused();
    const Identity nobody{.pid = static_cast<std::uint32_t>(getpid())};
    if (const auto seen = state->visit(nobody, NZ_VISIT_LOOK); !seen && seen.error().number != ESRCH)
        return std::unexpected(seen.error());
    return Stalls(std::move(state));
}

int Stalls::descriptor() const {
    return ring_buffer__epoll_fd(state_->ring.get());
}

std::size_t Stalls::drain(std::size_t most, const std::function<void(Stamped)>& sink) {
    state_->sink = &sink;
    state_->left = most;
    ring_buffer__consume(state_->ring.get());
    for (const auto& process : std::exchange(state_->followed_no_more, {}))
        state_->release(process);
    state_->detach_if_unused();
    return most - state_->left;
}

Result<void> Stalls::watch(const Identity& process, Duration threshold) {
    if (auto attached = state_->attach_to_switches(); !attached) return attached;
    auto seen = state_->visit(process, NZ_VISIT_WATCH, threshold);
    if (seen) state_->watched[process] = threshold;
    state_->detach_if_unused();
    if (!seen) return std::unexpected(seen.error());
    return {};
}

Result<void> Stalls::forget(const Identity& process) {
    state_->watched.erase(process);
    auto seen = state_->visit(process, NZ_VISIT_FORGET);
    state_->detach_if_unused();
    if (!seen && seen.error().number != ESRCH) return std::unexpected(seen.error());
    return {};
}

Result<void> Stalls::forget_all_but(const std::set<Identity>& kept) {
    Result<void> outcome;
    const auto watched = state_->watched;
    for (const auto& [process, threshold] : watched) {
        if (kept.contains(process)) continue;
        if (auto forgotten = forget(process); !forgotten) outcome = forgotten;
    }
    return outcome;
}

Result<void> Stalls::follow(const Identity& process, const ThreadId& thread) {
    if (auto attached = state_->attach_to_switches(); !attached) return attached;
    auto seen = state_->visit(process, NZ_VISIT_FOLLOW, {}, thread);
    if (seen)
        state_->followed.insert(thread.tid);
    else
        state_->release(process);
    state_->detach_if_unused();
    if (!seen) return std::unexpected(seen.error());
    return {};
}

Result<void> Stalls::count_syscalls(const Identity& process, const ThreadId& thread) {
    if (std::ranges::find(state_->counted, thread) != state_->counted.end()) return {};
    if (!state_->syscalls) {
        const LibbpfLog log;
        const auto* program = state_->programs.on_syscall;
        if (bpf_program__fd(program) < 0) return fail("this kernel has no system call tracepoints", EOPNOTSUPP);
        state_->syscalls.reset(bpf_program__attach(program));
        if (!state_->syscalls) return log.error("attaching to system calls", errno);
    }
    auto seen = state_->visit(process, NZ_VISIT_COUNT, {}, thread);
    if (seen)
        state_->counted.push_back(thread);
    else
        state_->release(process);
    if (state_->counted.empty()) state_->syscalls.reset();
    if (!seen) return std::unexpected(seen.error());
    return {};
}

std::optional<std::uint64_t> Stalls::syscalls_of(const ThreadId& thread) const {
    nz_spinner spinner{};
    if (bpf_map_lookup_elem(bpf_map__fd(state_->programs.spinners), &thread.tid, &spinner) != 0
        || spinner.thread_start_ns != thread.start_ns)
        return std::nullopt;
    return spinner.syscalls;
}

void Stalls::stop_counting(const Identity& process, const ThreadId& thread) {
    if (std::erase(state_->counted, thread) == 0) return;
    if (syscalls_of(thread)) bpf_map_delete_elem(bpf_map__fd(state_->programs.spinners), &thread.tid);
    std::ignore = state_->visit(process, NZ_VISIT_UNCOUNT); // it may be gone, and what was kept of it as well
    if (state_->counted.empty()) state_->syscalls.reset();
}

namespace {

Silence silence_in(const Identity& process, const nz_visit& seen) {
    return {.process = process,
            .silent = nanoseconds(seen.silent_ns),
            .longest = nanoseconds(seen.longest_ns),
            .usual = median(seen.slots)};
}

} // namespace

Result<std::vector<Silence>> Stalls::silences() {
    std::vector<Silence> silences;
    for (auto each = state_->watched.begin(); each != state_->watched.end();) {
        // Watched again each time: a thread that execs takes its leader's place, and what was kept went with the
        // leader.
        auto seen = state_->visit(each->first, NZ_VISIT_WATCH, each->second);
        if (!seen && seen.error().number != ESRCH) return std::unexpected(seen.error());
        if (!seen) {
            each = state_->watched.erase(each);
            continue;
        }
        silences.push_back(silence_in(each->first, *seen));
        ++each;
    }
    state_->detach_if_unused();
    return silences;
}

std::optional<Silence> Stalls::silence_of(const Identity& process) const {
    if (!state_->watched.contains(process)) return std::nullopt;
    auto seen = state_->visit(process, NZ_VISIT_LOOK);
    if (!seen || seen->kept == 0) return std::nullopt;
    return silence_in(process, *seen);
}

std::uint64_t Stalls::lost() const {
    return __atomic_load_n(state_->programs.lost, __ATOMIC_RELAXED);
}

std::vector<ProgramCost> Stalls::costs() const {
    return costs_of(state_->programs.object);
}

std::uint64_t Stalls::map_bytes() const {
    return map_bytes_of(state_->programs.object);
}

} // namespace nezuban
