// Attach, iterate, merge; and how far the table can be trusted while records are lost.
#include "engine/state.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace nezuban {

namespace {

// While records are being lost the table may be wrong, and nothing is judged by it, until a snapshot has put it
// right. A storm that never lets a snapshot end without a loss must not blind us for longer than this.
constexpr Duration longest_distrust = 1s;
constexpr Duration one_telling = 1s;
constexpr Duration resync_pause = 100ms;

} // namespace

void Engine::State::on(const SnapshotBegan& /*event*/, Turn& /*turn*/) {
    desk.table.begin_snapshot();
    for (auto& watch : watches) {
        watch->snapshot_began();
    }
    in_snapshot = true;
    lost_in_snapshot = false;
    resync_at.reset();
    repairing = !trusted;
    // A process and the one that has taken its place would both be counted: the new one is told first.
    half_told = !events_told;
    found = 0;
    missed = 0;
}

void Engine::State::on(const SnapshotTask& event, Turn& turn) {
    if (!desk.table.admits(event.process.id)) return;
    auto* known = desk.table.find(event.process.id);
    if (event.zombie) return; // its exit was told, or lost: then it is unseen, and goes at the end
    // Its exit is about to be told; or else, for one that a dead disk holds back while its files are closed, not before
    // that disk is mended: where the end itself is no event, who is found dying a second time is gone.
    if (event.dying) {
        if (known != nullptr && !std::exchange(known->dying, true)) desk.table.mark_seen(*known);
        return;
    }
    if (known == nullptr) ++found;
    // The exec that would have made somebody of it may have been lost.
    const bool born = known != nullptr && repairing && std::exchange(known->embryo, false);
    if (known != nullptr && !born && ProcessTable::agrees(*known, event.process)) {
        desk.table.mark_seen(*known);
        return;
    }
    // The record of its fork may still be on the way, and it may be about to exec.
    const bool young = known == nullptr || born;
    put(event.process, young ? Watch::Entry::forked : Watch::Entry::known, Program::same, turn);
}

void Engine::State::on(const SnapshotEnded& event, Turn& turn) {
    in_snapshot = false;
    if (event.complete) {
        const Cause unknown{};
        for (const auto& id : desk.table.unseen()) {
            ++missed;
            remove(id, unknown, turn.now, turn);
        }
    }
    desk.table.end_snapshot();
    if (!event.complete) {
        // Not at once: what broke it off may well do so again.
        if (!trusted || half_told || unjudged()) resync_at = turn.now + resync_pause;
        return;
    }
    half_told = false;
    if (repairing) {
        ++resyncs;
        tell_losses(turn);
        report(Happening::resync,
               fmt::format("compared with the kernel after a loss: {} processes found, {} gone", found, missed), turn);
    }
    if (!lost_in_snapshot) trusted = true;
    if (trusted || turn.now - distrust_since >= longest_distrust) {
        synced = true;
        for (auto& watch : watches) {
            watch->start_judging();
            touch(watch.get());
        }
        judge_touched(turn);
    }
    if (!trusted) {
        turn.out.emplace_back(Resync{"records were lost while the task list was read"});
    } else if (unjudged()) {
        turn.out.emplace_back(Resync{"the configuration has changed while the task list was read"});
    }
}

bool Engine::State::unjudged() const {
    return std::ranges::any_of(watches, [](const auto& watch) { return !watch->judging(); });
}

void Engine::State::on(const EventsLost& event, Turn& turn) {
    events_lost += event.total();
    lost_in_snapshot = true;
    if (trusted) distrust_since = turn.now;
    trusted = false;
    for (std::size_t kind = 0; kind < event.by_kind.size(); ++kind) {
        losses_untold.by_kind[kind] += event.by_kind[kind];
    }
    losses_untold.of_unknown_kind += event.of_unknown_kind;
    losses_untold.skipped += event.skipped;
    if (!losses_told_at || turn.now - *losses_told_at >= one_telling) tell_losses(turn);
    if (!in_snapshot) turn.out.emplace_back(Resync{"records were lost"});
}

void Engine::State::tell_losses(Turn& turn) {
    const auto lost = std::exchange(losses_untold, {});
    if (lost.total() == 0) return;
    losses_told_at = turn.now;
    if (lost.of_unknown_kind > 0)
        return report(Happening::lost_events,
                      fmt::format("the process connector's buffer was full: {} messages lost", lost.of_unknown_kind),
                      turn);
    if (lost.skipped > 0)
        report(Happening::lost_events,
               fmt::format("the kernel skipped {} runs of our programs: others of the same kind were interrupted",
                           lost.skipped),
               turn);
    if (lost.total() == lost.skipped) return;
    report(Happening::lost_events,
           fmt::format("the ring was full: {} fork, {} exec, {} exit and {} change records lost", lost.by_kind[0],
                       lost.by_kind[1], lost.by_kind[2], lost.by_kind[3]),
           turn);
}

} // namespace nezuban
