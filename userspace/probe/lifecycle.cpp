#include "probe/lifecycle.hpp"

#include "probe/libbpf.hpp"
#include "probe/owned.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <bpf/bpf.h>
#include <nezuban/events.h>
#include <nezuban/stalls.h>

#include <lifecycle.skel.h>
#include <lifecycle_raw.skel.h>

namespace nezuban {

namespace {

// The programs of one of the two objects, which differ in nothing that can be seen from here.
struct Programs {
    std::shared_ptr<void> skeleton; // what all others point into
    bpf_object* object = nullptr;
    bpf_map* ring = nullptr;
    bpf_map* stoppers = nullptr;
    const nz_counters* counters = nullptr;
};

template <typename Skeleton> void choose_programs(Skeleton& skeleton, const Features& features) {
    auto& programs = skeleton.progs;
    for (auto* program : {programs.handle_fork, programs.handle_exec, programs.handle_rename, programs.handle_signal,
                          features.exit_tells_group_dead ? programs.handle_exit : programs.handle_exit_by_count,
                          features.oom_tells_task ? programs.handle_oom : programs.handle_oom_by_pid}) {
        bpf_program__set_autoload(program, true);
    }
    bpf_program__set_autoload(programs.handle_cgroup, features.cgroup_moves);
}

template <typename Skeleton> Result<Programs> attach_programs(const Features& features, std::uint64_t ring_size) {
    const LibbpfLog log;
    Owned<Skeleton> skeleton(Skeleton::open());
    if (!skeleton) return log.error("opening the life-cycle programs", errno);
    choose_programs(*skeleton, features);
    bpf_map__set_max_entries(skeleton->maps.ring, static_cast<std::uint32_t>(ring_size));
    if (const int error = Skeleton::load(skeleton.get()); error != 0)
        return log.error("loading the life-cycle programs", -error);
    if (const int error = Skeleton::attach(skeleton.get()); error != 0)
        return log.error("attaching the life-cycle programs", -error);
    Programs programs{.object = skeleton->obj,
                      .ring = skeleton->maps.ring,
                      .stoppers = skeleton->maps.stoppers,
                      .counters = &skeleton->bss->counters};
    programs.skeleton = std::shared_ptr<Skeleton>(std::move(skeleton));
    return programs;
}

} // namespace

struct Lifecycle::State {
    Programs programs;
    Owned<ring_buffer> ring;
    std::array<std::uint64_t, NZ_KINDS> lost_told{};
    std::uint64_t held_seen = 0;
    std::uint64_t skipped_told = 0;

    // Of the drain under way.
    const std::function<void(Stamped)>* sink = nullptr;
    std::size_t left = 0;

    // Taken before the return value is looked at: a negative one ends the round, with this record consumed.
    static int on_record(void* context, void* data, std::size_t size) {
        auto* self = static_cast<State*>(context);
        if (auto stamped = decode({static_cast<const std::byte*>(data), size})) (*self->sink)(std::move(*stamped));
        return --self->left == 0 ? -EAGAIN : 0;
    }
};

Lifecycle::Lifecycle(std::unique_ptr<State> state) : state_(std::move(state)) {}
Lifecycle::~Lifecycle() = default;
Lifecycle::Lifecycle(Lifecycle&&) noexcept = default;
Lifecycle& Lifecycle::operator=(Lifecycle&&) noexcept = default;

Result<Lifecycle> Lifecycle::attach(const Features& features, std::uint64_t ring_size) {
    if (auto able = require(features); !able) return std::unexpected(able.error());
    const LibbpfLog log;
    auto programs = features.typed_tracepoints ? attach_programs<lifecycle_bpf>(features, ring_size)
                                               : attach_programs<lifecycle_raw_bpf>(features, ring_size);
    if (!programs) return std::unexpected(programs.error());
    auto state = std::make_unique<State>();
    state->programs = std::move(*programs);
    state->ring.reset(ring_buffer__new(bpf_map__fd(state->programs.ring), State::on_record, state.get(), nullptr));
    if (!state->ring) return log.error("mapping the ring", errno);
    return Lifecycle(std::move(state));
}

int Lifecycle::descriptor() const {
    return bpf_map__fd(state_->programs.ring); // and not libbpf's own epoll, which would be one more to be woken
}

std::size_t Lifecycle::drain(std::size_t most, const std::function<void(Stamped)>& sink) {
    state_->sink = &sink;
    state_->left = most;
    ring_buffer__consume(state_->ring.get());
    return most - state_->left;
}

std::optional<EventsLost> Lifecycle::take_losses() {
    const auto& counters = *state_->programs.counters;
    EventsLost lost;
    for (std::size_t kind = 0; kind < NZ_KINDS; ++kind) {
        const std::uint64_t now = __atomic_load_n(&counters.lost[kind], __ATOMIC_RELAXED);
        lost.by_kind[kind] = now - std::exchange(state_->lost_told[kind], now);
    }
    if (lost.total() == 0) return std::nullopt;
    return lost;
}

std::uint64_t Lifecycle::take_skipped() {
    std::uint64_t skipped = 0;
    for (const auto& cost : costs_of(state_->programs.object)) {
        // What these two would have told is who did it, not that it was done.
        if (cost.name != "handle_signal" && !cost.name.starts_with("handle_oom")) skipped += cost.missed;
    }
    return skipped - std::exchange(state_->skipped_told, skipped);
}

bool Lifecycle::take_held() {
    const std::uint64_t held = __atomic_load_n(&state_->programs.counters->held, __ATOMIC_RELAXED);
    return held != std::exchange(state_->held_seen, held);
}

std::optional<Sender> Lifecycle::stopper_of(const Identity& process) const {
    nz_stopper stopper{};
    if (bpf_map_lookup_elem(bpf_map__fd(state_->programs.stoppers), &process.pid, &stopper) != 0
        || stopper.start_ns != process.start_ns)
        return std::nullopt;
    return Sender{.pid = stopper.pid,
                  .uid = stopper.uid,
                  .signal = stopper.signal,
                  .comm = {stopper.comm, strnlen(stopper.comm, sizeof(stopper.comm))}};
}

std::vector<ProgramCost> Lifecycle::costs() const {
    return costs_of(state_->programs.object);
}

std::uint64_t Lifecycle::map_bytes() const {
    return map_bytes_of(state_->programs.object);
}

} // namespace nezuban
