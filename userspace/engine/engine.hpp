// The whole judgement, pure: (event, time) in, intents out. It has no clock, no descriptor and no library that has.
#pragma once

#include "core/event.hpp"
#include "core/intent.hpp"
#include "core/memory.hpp"
#include "core/result.hpp"
#include "core/scan_wish.hpp"
#include "core/spec.hpp"
#include "core/view.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace nezuban {

struct EngineOptions {
    std::vector<std::uint32_t> own_pids = {}; // the daemon and its helpers: never signalled
    std::uint64_t seed = 1;                   // of the jitter
    bool events_told = true;                  // false: only comparisons with the task list tell of life and death
};

class Engine {
public:
    // memories: what Remember intents left behind, with times already on this boot's monotonic clock (they may be
    // before its beginning). Memories of rules that are not configured are ignored.
    Engine(const EngineOptions& options, std::vector<RuleSpec> rules, std::vector<GroupSpec> groups,
           const std::vector<RuleMemory>& memories);
    ~Engine();
    Engine(Engine&&) noexcept;
    Engine& operator=(Engine&&) noexcept;

    // now: not before the previous call's now. Appends to out.
    // The order that the engine relies on (see tests/unit/engine/machine.cpp, which is a shell that keeps it):
    // - losses are told before the records that were read after them;
    // - the ring is empty before SnapshotBegan, SnapshotEnded and CommandEnded are told: what caused them comes first;
    // - a SnapshotTask is told before any record of the ring that was written after it was read.
    void handle(const Event& event, Time now, Intents& out);

    // The daemon and its helpers are these now.
    void set_own_pids(const std::vector<std::uint32_t>& pids);

    // Everything that is due by now. Cheap when nothing is.
    void advance(Time now, Intents& out);

    // When advance has something to do. Absent: only an event can change anything.
    [[nodiscard]] std::optional<Time> next_deadline() const;

    // What the next wait scan shall look for, and when one is worth its cost before the regular one.
    [[nodiscard]] ScanWish scan_wish() const;
    [[nodiscard]] std::optional<Time> next_scan() const;
    [[nodiscard]] std::optional<Time> next_socket_scan() const; // one that looks at the sockets too

    // What the shell should read of this event's process before the event is handled: asked for by a rule that could
    // match it, and neither in the event nor known here.
    [[nodiscard]] Needs needs_of(const Event& event) const;

    // To be asked just before it is sent: what was told since may have ended its process, made it somebody else, or
    // somebody whom a rule protects; its rule may be paused or changed. No: answer SignalSent with ECANCELED.
    [[nodiscard]] bool wants(const Signal& signal) const;

    // The operator. NAME is a rule's or a group's; errors name what is known.
    Result<void> pause(std::string_view name, std::optional<Time> until, Time now, Intents& out);
    Result<void> resume(std::string_view name, Time now, Intents& out);
    Result<void> restart(std::string_view name, Time now, Intents& out);
    Result<void> reset(std::string_view name, Time now, Intents& out);

    // Rules that are equal keep all their state; the others start anew, as pending, until the snapshot that this
    // asks for (Resync) has ended. Returns what changed, a line each: "+ scanner", "- old", "~ mail: count, restart".
    std::vector<std::string> reload(std::vector<RuleSpec> rules, std::vector<GroupSpec> groups, Time now, Intents& out);

    [[nodiscard]] EngineView view(Time now, Detail detail = Detail::everything) const;

    // For `match`: the processes that each rule (in the order of the configuration) counts, oldest first.
    [[nodiscard]] std::vector<std::vector<Process>> matches() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace nezuban
