// The life-cycle programs, loaded and attached for as long as this lives, and their ring as a source of events.
#pragma once

#include "core/event.hpp"
#include "core/result.hpp"
#include "core/wait.hpp"
#include "probe/decode.hpp"
#include "probe/features.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nezuban {

// Of one loaded program, from the kernel's own statistics (only while they are switched on).
struct ProgramCost {
    std::string name;
    std::string hook;
    std::uint64_t runs = 0;
    std::uint64_t nanoseconds = 0;
    std::uint64_t missed = 0; // not run because it was running already on that processor
};

class Lifecycle {
public:
    // ring_size: bytes, a power of two, at least a page.
    static Result<Lifecycle> attach(const Features& features, std::uint64_t ring_size);
    ~Lifecycle();
    Lifecycle(Lifecycle&&) noexcept;
    Lifecycle& operator=(Lifecycle&&) noexcept;

    // Readable when there is something to drain.
    [[nodiscard]] int descriptor() const;

    // At most `most` records, oldest first. Returns how many there were; `most`: there may be more.
    std::size_t drain(std::size_t most, const std::function<void(Stamped)>& sink);

    // What was lost since the last call; absent: nothing. Reads memory that the kernel counts in: no system call.
    [[nodiscard]] std::optional<EventsLost> take_losses();

    // Runs of the programs that the kernel left out since the last call, though something was to be told: where
    // programs can be preempted (seen on 7.2), one that is begun while the same one waits on that processor is skipped.
    // Takes 10 µs.
    [[nodiscard]] std::uint64_t take_skipped();

    // Since the last call, somebody changed his name or cgroup so often that only a comparison knows the last one.
    [[nodiscard]] bool take_held();

    // Who sent the signal that stopped this process. Absent: nobody since this is attached, or it goes on already.
    [[nodiscard]] std::optional<Sender> stopper_of(const Identity& process) const;

    [[nodiscard]] std::vector<ProgramCost> costs() const;
    [[nodiscard]] std::uint64_t map_bytes() const; // kernel memory of the maps

private:
    struct State;
    explicit Lifecycle(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

} // namespace nezuban
