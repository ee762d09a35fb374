// The kernel as one stream of events: the ring (or what stands for it), the task list, and how the two are merged.
//
// A pass over the task list goes: SnapshotBegan, a slice at a time with the ring drained in between, and, once what was
// in the ring after the last slice has been taken, SnapshotEnded. So whatever happened up to the end of the list has
// been told before anything is concluded from it. Nor does it begin before what was in the ring has been taken: a fork
// in there whose exit was lost would be older than the list, and yet look as if it had been born while the list was
// read.
#pragma once

#include "app/catch_up.hpp"
#include "app/enrich.hpp"
#include "app/event_source.hpp"
#include "app/task_list.hpp"
#include "core/event.hpp"
#include "core/result.hpp"
#include "probe/features.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace nezuban {

class Observer {
public:
    struct Ends {
        std::function<Needs(const Event&)> needs;      // asked before each event
        std::function<void(const Event&, Time)> event; // given in order
    };

    // Without a reader of arguments it may be kept waiting: see Enricher.
    static Result<Observer> attach(const Features& features, std::uint64_t ring_size,
                                   std::unique_ptr<ArgsReader> reader = nullptr);

    // Readable when there is work; -1: only comparisons make any.
    [[nodiscard]] int descriptor() const {
        return source_.descriptor();
    }

    // Asks for a pass; while one is under way, for another one after it.
    void compare();
    [[nodiscard]] bool comparing() const {
        return phase_ != Phase::idle || wanted_;
    }
    // The ring held more than the last call of work took.
    [[nodiscard]] bool backlog() const {
        return backlog_;
    }
    [[nodiscard]] std::uint32_t args_reader_pid() const {
        return enricher_.reader() == nullptr ? 0 : enricher_.reader()->pid();
    }
    // Processor time of the last whole pass.
    [[nodiscard]] Duration last_cost() const {
        return cost_;
    }

    // One batch, one slice: about a millisecond. True: there is more to do at once. An error: the task list could not
    // be read; what had been begun is given up, and told as incomplete.
    Result<bool> work(const Ends& ends);

    // Who sent the signal that stopped this process. Absent: nobody was seen.
    [[nodiscard]] std::optional<Sender> stopper_of(const Identity& process) const {
        return source_.stopper_of(process);
    }

private:
    enum class Phase { idle, reading, draining };

    Observer(EventSource source, TaskList list, std::unique_ptr<ArgsReader> reader, std::size_t batches_in_ring)
        : source_(std::move(source)), list_(std::move(list)), enricher_(std::move(reader)), catch_up_(batches_in_ring) {
    }
    void tell(Event event, Time time, const Ends& ends);
    void tell_losses(const Ends& ends);
    void end_list(bool complete, const Ends& ends);
    Result<void> read_list(const Ends& ends);

    EventSource source_;
    TaskList list_;
    Enricher enricher_;
    Phase phase_ = Phase::idle;
    bool wanted_ = false;
    bool backlog_ = false;
    CatchUp catch_up_;
    Time look_for_skipped_at_{};
    Time look_for_held_at_{};
    Duration spent_{};
    Duration cost_{};
};

} // namespace nezuban
