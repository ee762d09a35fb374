#include "probe/snapshot.hpp"

#include "probe/decode.hpp"
#include "probe/libbpf.hpp"
#include "probe/owned.hpp"
#include "probe/seq_buffer.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <bpf/bpf.h>
#include <nezuban/events.h>
#include <unistd.h>

#include <snapshot.skel.h>

namespace nezuban {

struct Snapshot::State {
    Owned<snapshot_bpf> skeleton;
    Descriptor pass;
    SeqBuffer buffer;
};

Snapshot::Snapshot(std::unique_ptr<State> state) : state_(std::move(state)) {}
Snapshot::~Snapshot() = default;
Snapshot::Snapshot(Snapshot&&) noexcept = default;
Snapshot& Snapshot::operator=(Snapshot&&) noexcept = default;

Result<Snapshot> Snapshot::load() {
    const LibbpfLog log;
    auto state = std::make_unique<State>();
    state->skeleton.reset(snapshot_bpf__open_and_load());
    if (!state->skeleton) return log.error("loading the task iterator", errno);
    if (const int error = snapshot_bpf__attach(state->skeleton.get()); error != 0)
        return log.error("attaching the task iterator", -error);
    return Snapshot(std::move(state));
}

Result<void> Snapshot::begin() {
    state_->pass.reset(); // one at a time
    state_->pass.reset(bpf_iter_create(bpf_link__fd(state_->skeleton->links.dump_processes)));
    if (!state_->pass) return fail(std::string("starting the task iterator: ") + std::strerror(errno), errno);
    return {};
}

bool Snapshot::under_way() const {
    return static_cast<bool>(state_->pass);
}

Result<bool> Snapshot::read_slice(const std::function<void(SnapshotTask)>& sink) {
    const ssize_t size = read(state_->pass.get(), state_->buffer.data(), state_->buffer.size());
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return true; // a million tasks without a process
    if (size < 0) {
        const int number = errno;
        state_->pass.reset();
        return fail(std::string("reading the task iterator: ") + std::strerror(number), number);
    }
    if (size == 0) {
        state_->pass.reset();
        return false;
    }
    for (std::size_t at = 0; at + sizeof(nz_task) <= static_cast<std::size_t>(size); at += sizeof(nz_task)) {
        nz_task task{};
        std::memcpy(&task, state_->buffer.data() + at, sizeof(task));
        sink(decode_snapshot(task));
    }
    return true;
}

} // namespace nezuban
