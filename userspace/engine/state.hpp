// The engine's inside: the table, the rules at work, and how far what they know can be trusted.
#pragma once

#include "engine/engine.hpp"
#include "engine/hangs.hpp"
#include "engine/process_table.hpp"
#include "engine/rule_index.hpp"
#include "engine/timetable.hpp"
#include "engine/watch.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nezuban {

struct Engine::State {
    Desk desk;
    std::vector<std::unique_ptr<Watch>> watches; // in the order of the configuration
    std::vector<GroupSpec> groups;               // as configured; at work they are in desk.kin
    RuleIndex index;
    Timetable timetable; // when each rule was judged last, this was its next deadline
    Hangs hangs;
    std::vector<Watch*> touched; // to judge at the end of this turn

    bool events_told = true; // false: see EngineOptions
    bool half_told = false;  // ... and a comparison has told of births, but not yet of ends
    bool synced = false;     // the first snapshot is complete
    bool in_snapshot = false;
    bool trusted = true;
    bool lost_in_snapshot = false;
    Time distrust_since{};
    bool repairing = false;        // this snapshot answers a loss
    std::optional<Time> resync_at; // the last one broke off
    std::uint64_t found = 0;
    std::uint64_t missed = 0;

    std::uint64_t events_received = 0;
    std::uint64_t events_lost = 0;
    EventsLost losses_untold;
    std::optional<Time> losses_told_at;
    std::uint64_t resyncs = 0;

    void touch(Watch* watch);
    // Which rules count it now, after it came or changed. before: what it was, when it was known already.
    void rematch(ProcessTable::Entry& entry, const Process* before, Watch::Entry how, Turn& turn);
    enum class Program { same, other };
    void put(Process process, Watch::Entry how, Program program, Turn& turn);
    void remove(const Identity& id, const Cause& cause, Time fell, Turn& turn);
    void on(const Forked& event, Turn& turn);
    void on(const Execed& event, Turn& turn);
    void on(const Changed& event, Turn& turn);
    void on(const Exited& event, Turn& turn);
    void on(const SnapshotBegan& /*event*/, Turn& /*turn*/);
    void on(const SnapshotTask& event, Turn& turn);
    void on(const SnapshotEnded& event, Turn& turn);
    [[nodiscard]] bool unjudged() const;
    void on(const EventsLost& event, Turn& turn);
    void on(const WaitsSeen& event, Turn& turn);
    void on(const Stalled& event, Turn& turn);
    void on(const Beat& event, Turn& turn);
    void on(const CommandStarted& event, Turn& turn);
    void on(const CommandEnded& event, Turn& turn);
    void on(const SignalSent& event, Turn& turn);
    void on(const Probed& event, Turn& turn);
    // To whoever waits for this command or probe, if anybody still does.
    template <typename Each> void answer(CommandId id, Each each) {
        const auto waiting = desk.restarts.find(id);
        if (waiting == desk.restarts.end()) return;
        auto* watch = waiting->second;
        each(*watch);
        touch(watch);
    }
    // At once, but a storm that loses records all the time is one line a second.
    void tell_losses(Turn& turn);
    [[nodiscard]] bool may_judge() const;
    void judge_touched(Turn& turn);
    void judge(Watch& watch, Turn& turn);
    static void close_if_whole(Group& group, const Kinship& kin, Turn& turn);
    static void report(Happening happening, std::string reason, Turn& turn);
    void relate(); // after watches or groups have changed
    Result<std::vector<Watch*>> named(std::string_view name);
    template <typename Each> Result<void> for_named(std::string_view name, Time now, Intents& out, Each each) {
        auto found_watches = named(name);
        if (!found_watches) return std::unexpected(found_watches.error());
        Turn turn{.desk = desk, .now = now, .out = out};
        for (auto* watch : *found_watches) {
            each(*watch, turn);
            touch(watch);
        }
        if (may_judge()) judge_touched(turn);
        return {};
    }
};

} // namespace nezuban
