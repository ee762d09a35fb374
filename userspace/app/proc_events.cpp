#include "app/proc_events.hpp"

#include <utility>

namespace nezuban {

namespace {

// A message takes some 800 bytes of kernel memory where a record takes 80 of the ring.
constexpr std::uint64_t bytes_for_one = 8;

Cause cause_of(int status) {
    return {.exit_code = status >> 8 & 0xff, .signal = status & 0x7f, .core = (status & 0x80) != 0, .known = true};
}

} // namespace

std::optional<Event> ProcLives::take(const ProcMessage& message) {
    const bool of_thread = message.tid != message.pid;
    switch (message.kind) {
    case ProcMessage::Kind::fork: return of_thread ? std::nullopt : forked(message);
    case ProcMessage::Kind::exec: return executed(message); // whoever called: it is the leader now
    case ProcMessage::Kind::rename:
    case ProcMessage::Kind::owner: return of_thread ? std::nullopt : changed(message);
    case ProcMessage::Kind::exit: return ended(message);
    }
    return std::nullopt;
}

// Can't be read: a loss like one of the kernel's.
std::optional<ProcTask> ProcLives::read(std::uint32_t pid) {
    auto task = reader_.task(pid);
    if (!task) ++unread_;
    return std::move(task).value_or(std::nullopt);
}

void ProcLives::note(const Identity& id, Leader leader) {
    lives_[id.pid] = {.start_ns = id.start_ns, .leader = leader, .generation = generation_};
}

std::optional<Event> ProcLives::forked(const ProcMessage& message) {
    auto child = read(message.pid);
    if (!child) return std::nullopt;
    note(child->told.process.id, Leader::lives);
    const auto parent = lives_.find(message.parent);
    Forked event{.parent = {.pid = message.parent}};
    if (parent != lives_.end()) event.parent.start_ns = parent->second.start_ns;
    // One that has executed something meanwhile is nobody's copy: its exec is told next.
    event.shares_memory = child->executed || reader_.borrows(*child, message.parent);
    event.child = std::move(child->told.process);
    return event;
}

std::optional<Event> ProcLives::executed(const ProcMessage& message) {
    auto task = read(message.pid);
    if (!task) return std::nullopt;
    note(task->told.process.id, Leader::lives);
    return Execed{.process = std::move(task->told.process)};
}

std::optional<Event> ProcLives::changed(const ProcMessage& message) {
    auto task = read(message.pid);
    if (!task) return std::nullopt;
    return Changed{.process = std::move(task->told.process)};
}

// Each thread's end is told, and nobody says which is the last. While the leader lives, it isn't; after that, it is
// looked up. (A thread that executes a program ends its leader and takes its place: then the leader seems to live.)
std::optional<Event> ProcLives::ended(const ProcMessage& message) {
    const auto found = lives_.find(message.pid);
    if (found == lives_.end()) return std::nullopt;
    auto& life = found->second;
    const Identity id{.pid = message.pid, .start_ns = life.start_ns};
    const bool of_leader = message.tid == message.pid;
    if (!of_leader && life.leader == Leader::lives) return std::nullopt;
    if (of_leader) {
        life.leader = Leader::ended;
        life.leader_status = message.status;
    }
    const auto remains = reader_.remains(id);
    if (!remains) {
        ++unread_;
        return std::nullopt;
    }
    if (*remains == Remains::leader) life.leader = Leader::lives;
    if (*remains == Remains::threads && !of_leader) life.leader = Leader::ended;
    if (*remains != Remains::nothing) return std::nullopt;
    // Who waits is told the leader's status, unless something ended all of them at once: then each has the same.
    const int status = of_leader || message.status == 0 ? life.leader_status : message.status;
    lives_.erase(found);
    return Exited{.id = id, .cause = cause_of(status), .fell = message.time};
}

void ProcLives::doubt() {
    for (auto& [pid, life] : lives_) {
        if (life.leader == Leader::lives) life.leader = Leader::unknown;
    }
}

std::uint64_t ProcLives::take_unread() {
    return std::exchange(unread_, 0);
}

void ProcLives::list_began() {
    ++generation_;
}

// The end of one that is still dying is on its way; that of a zombie was told, or lost.
void ProcLives::listed(const SnapshotTask& task) {
    if (task.zombie) return;
    const auto& id = task.process.id;
    const auto known = lives_.find(id.pid);
    if (known != lives_.end() && known->second.start_ns == id.start_ns)
        known->second.generation = generation_;
    else
        note(id, Leader::unknown);
}

void ProcLives::list_ended(bool complete) {
    if (!complete) return;
    std::erase_if(lives_, [this](const auto& one) { return one.second.generation != generation_; });
}

Result<ProcEvents> ProcEvents::open(std::uint64_t ring_size) {
    auto connector = Connector::open(ring_size * bytes_for_one);
    if (!connector) return std::unexpected(connector.error());
    return ProcEvents(std::move(*connector));
}

std::size_t ProcEvents::drain(std::size_t most, const std::function<void(Stamped)>& sink) {
    return connector_.drain(most, [&](const ProcMessage& message) {
        if (auto event = lives_.take(message)) sink({.time = message.time, .event = std::move(*event)});
    });
}

std::optional<EventsLost> ProcEvents::take_losses() {
    const auto dropped = connector_.take_losses();
    if (dropped > 0) lives_.doubt();
    const EventsLost lost{.of_unknown_kind = dropped + lives_.take_unread()};
    if (lost.total() == 0) return std::nullopt;
    return lost;
}

} // namespace nezuban
