// Who comes, changes and goes, and what the shell answered.
#include "engine/state.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace nezuban {

void Engine::State::touch(Watch* watch) {
    if (watch->take_turn()) touched.push_back(watch);
}

void Engine::State::rematch(ProcessTable::Entry& entry, const Process* before, Watch::Entry how, Turn& turn) {
    std::vector<Watch*> now;
    if (!entry.embryo) index.matching(entry.process, now);
    for (auto* watch : entry.watches) {
        const bool stays = std::ranges::find(now, watch) != now.end();
        if (stays && !watch->moved(*before, entry.process)) continue;
        watch->leave(*before, turn);
        if (stays) watch->enter(entry.process, Watch::Entry::known, turn);
        touch(watch);
    }
    for (auto* watch : now) {
        if (std::ranges::find(entry.watches, watch) != entry.watches.end()) continue;
        watch->enter(entry.process, how, turn);
        touch(watch);
    }
    entry.watches = std::move(now);
}

void Engine::State::put(Process process, Watch::Entry how, Program program, Turn& turn) {
    auto* known = desk.table.find(process.id);
    if (known == nullptr) {
        rematch(desk.table.put(std::move(process)), nullptr, how, turn);
        return;
    }
    const Process before = known->process;
    if (program == Program::other) ProcessTable::forget_program(*known);
    rematch(desk.table.put(std::move(process)), &before, how, turn);
}

void Engine::State::remove(const Identity& id, const Cause& cause, Time fell, Turn& turn) {
    if (auto* entry = desk.table.find(id)) {
        for (auto* watch : entry->watches) {
            watch->lose(entry->process, cause, fell, turn);
            touch(watch);
        }
    }
    if (const auto orphan = desk.orphans.find(id); orphan != desk.orphans.end()) {
        auto* watch = orphan->second;
        desk.orphans.erase(orphan);
        watch->orphan_ended(turn);
        touch(watch);
    }
    desk.table.remove(id); // also who is unknown: a snapshot must not bring him in
}

void Engine::State::on(const Forked& event, Turn& turn) {
    if (desk.table.find(event.child.id) != nullptr) return; // the snapshot was faster
    rematch(desk.table.put_child(event), nullptr, Watch::Entry::forked, turn);
}

void Engine::State::on(const Execed& event, Turn& turn) {
    put(event.process, Watch::Entry::known, Program::other, turn);
}

void Engine::State::on(const Changed& event, Turn& turn) {
    // Never brings anybody in: a cgroup that is emptied moves the dead as well.
    if (desk.table.find(event.process.id) != nullptr) put(event.process, Watch::Entry::known, Program::same, turn);
}

void Engine::State::on(const Exited& event, Turn& turn) {
    remove(event.id, event.cause, event.fell.value_or(turn.now), turn);
}

void Engine::State::on(const WaitsSeen& event, Turn& turn) {
    for (auto* watch : hangs.take(*event.scan, watches, turn)) {
        touch(watch);
    }
}

void Engine::State::on(const Stalled& event, Turn& turn) {
    hangs.returned(event.process, event.tid, turn.now);
    const auto* entry = desk.table.find(event.process);
    if (entry == nullptr) return;
    for (auto* watch : entry->watches) {
        watch->thread_returned(event.process, event.tid, turn);
        touch(watch);
    }
}

void Engine::State::on(const Beat& event, Turn& turn) {
    const auto* entry = desk.table.find_pid(event.pid);
    if (entry == nullptr) return;
    for (auto* watch : entry->watches) {
        if (!watch->spec().hang.notified()) continue;
        watch->beat(turn);
        touch(watch);
    }
}

void Engine::State::on(const CommandStarted& event, Turn& turn) {
    desk.commands[event.id] = {.pid = event.pid};
    answer(event.id, [&](Watch& watch) { watch.command_started(event, turn); });
}

void Engine::State::on(const CommandEnded& event, Turn& turn) {
    desk.commands.erase(event.id);
    answer(event.id, [&](Watch& watch) { watch.command_ended(event, turn); });
}

void Engine::State::on(const Probed& event, Turn& turn) {
    answer(event.id, [&](Watch& watch) { watch.probed(event, turn); });
}

void Engine::State::on(const SignalSent& event, Turn& turn) {
    const auto orphan = desk.orphans.find(event.id);
    if (event.for_want && orphan != desk.orphans.end()) {
        orphan->second->orphan_unheard(turn.now);
        touch(orphan->second);
    }
    const auto* entry = desk.table.find(event.id);
    if (entry == nullptr) return;
    for (auto* watch : entry->watches) {
        watch->signal_sent(event, turn);
        touch(watch);
    }
}

bool Engine::State::may_judge() const {
    return synced && trusted && !half_told;
}

// One rule's judgement may concern others, and theirs others again: until all gates are where they belong. Every round
// takes some plan a phase further, so there is an end; the bound is for a mistake of ours, which must not become a
// loop.
void Engine::State::judge_touched(Turn& turn) {
    const auto most_rounds = 16 + 8 * watches.size();
    for (std::size_t round = 0; !touched.empty() && round < most_rounds; ++round) {
        for (auto* watch : std::exchange(touched, {})) {
            judge(*watch, turn);
        }
    }
}

void Engine::State::judge(Watch& watch, Turn& turn) {
    watch.give_turn();
    watch.judge(turn);
    timetable.set(watch.place(), watch.next_deadline());
    for (auto* woken : std::exchange(desk.woken, {})) {
        touch(woken);
    }
    if (!watch.take_change()) return;
    for (auto* other : desk.kin.concerned(watch)) {
        if (other->mending()) touch(other);
    }
    if (auto* group = desk.kin.group_of(watch)) close_if_whole(*group, desk.kin, turn);
}

void Engine::State::close_if_whole(Group& group, const Kinship& kin, Turn& turn) {
    if (!group.fallen() || !std::ranges::all_of(kin.members_of(group), &Watch::calm)) return;
    if (group.was_told())
        turn.out.emplace_back(Report{{.time = turn.now,
                                      .happening = Happening::recovered,
                                      .group = group.spec().name,
                                      .reason = group.tell_mended(turn.now)}});
    group.forget();
}

void Engine::State::report(Happening happening, std::string reason, Turn& turn) {
    turn.out.emplace_back(Report{{.time = turn.now, .happening = happening, .reason = std::move(reason)}});
}

void Engine::State::relate() {
    index = RuleIndex(watches);
    desk.kin.build(watches, groups);
    timetable.begin(watches.size());
    for (std::size_t place = 0; place < watches.size(); ++place) {
        auto& watch = *watches[place];
        watch.set_kin(desk.kin.has_any(watch));
        watch.set_place(place);
        timetable.set(place, watch.next_deadline());
    }
}

Result<std::vector<Watch*>> Engine::State::named(std::string_view name) {
    for (const auto& group : groups) {
        if (group.name != name) continue;
        std::unordered_map<std::string_view, Watch*> by_name;
        for (auto& watch : watches) {
            by_name.emplace(watch->spec().name, watch.get());
        }
        std::vector<Watch*> out;
        for (const auto& member : group.members) {
            if (const auto one = by_name.find(member); one != by_name.end()) out.push_back(one->second);
        }
        return out;
    }
    std::vector<std::string> known;
    for (auto& watch : watches) {
        if (watch->spec().name == name) return std::vector{watch.get()};
        known.push_back(watch->spec().name);
    }
    return fail(fmt::format("no rule or group is named {:?}; known are: {}", name, fmt::join(known, ", ")));
}

} // namespace nezuban
