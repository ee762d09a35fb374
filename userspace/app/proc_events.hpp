// Events out of the process connector's messages and what /proc says of whom they name: as those of the life-cycle
// programs, but later, and with starts in whole clock ticks.
//
// A message names a number. Who that was is looked up when the message is read: somebody who is gone by then was never
// there (neither his birth nor his end is told), and who has the number since has been told of by a message of his own,
// or will be.
#pragma once

#include "core/event.hpp"
#include "core/result.hpp"
#include "io/proc_task.hpp"
#include "probe/connector.hpp"
#include "probe/decode.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>

namespace nezuban {

// What is asked of /proc; a fake one in tests.
struct ProcReader {
    std::function<Result<std::optional<ProcTask>>(std::uint32_t)> task = read_task;
    std::function<Result<Remains>(const Identity&)> remains = what_remains;
    std::function<bool(const ProcTask&, std::uint32_t parent)> borrows = borrows_memory;
};

// Who lives, by number, and what a message about him means. No descriptor, no clock.
class ProcLives {
public:
    explicit ProcLives(ProcReader reader = {}) : reader_(std::move(reader)) {}

    // At most one event comes of a message.
    std::optional<Event> take(const ProcMessage& message);

    // Messages were lost: leaders may have ended untold.
    void doubt();
    // Of messages of which nothing came because /proc could not be read, since the last call.
    [[nodiscard]] std::uint64_t take_unread();

    // A pass over the list of processes tells who else lives, and who does not.
    void list_began();
    void listed(const SnapshotTask& task);
    void list_ended(bool complete);

    [[nodiscard]] std::size_t size() const {
        return lives_.size();
    }

private:
    // Of the thread that gave the process its number: the others may live on without it.
    enum class Leader { unknown, lives, ended };
    struct Life {
        std::uint64_t start_ns = 0;
        Leader leader = Leader::unknown;
        int leader_status = 0;        // once it has ended
        std::uint64_t generation = 0; // of the list that told it, or that was last when it was born
    };

    std::optional<Event> forked(const ProcMessage& message);
    std::optional<Event> executed(const ProcMessage& message);
    std::optional<Event> changed(const ProcMessage& message);
    std::optional<Event> ended(const ProcMessage& message);
    std::optional<ProcTask> read(std::uint32_t pid);
    void note(const Identity& id, Leader leader);

    ProcReader reader_;
    std::unordered_map<std::uint32_t, Life> lives_;
    std::uint64_t generation_ = 0;
    std::uint64_t unread_ = 0;
};

class ProcEvents {
public:
    // buffer: bytes of the ring that this stands for.
    static Result<ProcEvents> open(std::uint64_t ring_size);

    [[nodiscard]] int descriptor() const {
        return connector_.descriptor();
    }
    std::size_t drain(std::size_t most, const std::function<void(Stamped)>& sink);
    [[nodiscard]] std::optional<EventsLost> take_losses();

    [[nodiscard]] ProcLives& lives() {
        return lives_;
    }

private:
    explicit ProcEvents(Connector connector) : connector_(std::move(connector)) {}

    Connector connector_;
    ProcLives lives_;
};

} // namespace nezuban
