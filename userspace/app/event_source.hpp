// Where events of the life cycle come from: the programs' ring, the process connector, or nowhere. Then comparisons of
// the list of processes are all there is.
#pragma once

#include "app/proc_events.hpp"
#include "core/event.hpp"
#include "core/result.hpp"
#include "core/wait.hpp"
#include "probe/features.hpp"
#include "probe/lifecycle.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <variant>

namespace nezuban {

class EventSource {
public:
    static Result<EventSource> attach(const Features& features, std::uint64_t ring_size);

    // Readable when there is something to drain; -1: there never is.
    [[nodiscard]] int descriptor() const;
    // At most `most`, oldest first. Returns how many there were; `most`: there may be more.
    std::size_t drain(std::size_t most, const std::function<void(Stamped)>& sink);
    [[nodiscard]] std::optional<EventsLost> take_losses();
    // Likewise of what needs a closer look, for now and then; see Lifecycle.
    [[nodiscard]] std::uint64_t take_skipped();
    [[nodiscard]] bool take_held();
    // Absent: it was not seen, or goes on already.
    [[nodiscard]] std::optional<Sender> stopper_of(const Identity& process) const;

    // What the list of processes tells, beside this.
    void list_began();
    void listed(const SnapshotTask& task);
    void list_ended(bool complete);

private:
    using Source = std::variant<std::monostate, Lifecycle, ProcEvents>;
    explicit EventSource(Source source) : source_(std::move(source)) {}
    [[nodiscard]] ProcLives* lives();

    Source source_;
};

} // namespace nezuban
