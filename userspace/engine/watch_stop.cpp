// Who has to be gone before the start, and how they are ended.
#include "engine/watch.hpp"

#include <algorithm>
#include <csignal>
#include <utility>

#include <fmt/format.h>

namespace nezuban {

namespace {

constexpr Duration least_patience = 1s;

} // namespace

void Watch::stop_members(Turn& turn) {
    plan_.victims = to_end(turn);
    const bool by_command = !spec_.restart.stop.empty() && members_ > 0;
    if (plan_.victims.empty() && !by_command) {
        plan_.phase = Plan::Phase::holding;
        return;
    }
    if (spec_.restart.stop.empty()) {
        end_victims(turn);
        return;
    }
    plan_.phase = Plan::Phase::stopping;
    run_step(spec_.restart.stop, "stop", turn);
}

void Watch::end_victims(Turn& turn) {
    begin_ending(turn);
    signal_all(plan_.victims, spec_.restart.signal, turn);
}

void Watch::begin_ending(Turn& turn) {
    plan_.phase = Plan::Phase::ending;
    // Nothing hastens the end of a kernel thread, so it is never expected at once.
    plan_.deadline =
        turn.now
        + (victims_are_deaf(turn) ? std::max(spec_.restart.kill_after, least_patience) : spec_.restart.kill_after);
}

bool Watch::victims_are_deaf(const Turn& turn) const {
    return std::ranges::none_of(plan_.victims, [&](const auto& id) { return may_be_signalled(id, turn); });
}

bool Watch::may_be_ended(const Identity& id, const Turn& turn) const {
    const auto* entry = turn.desk.table.find(id);
    return entry != nullptr && id.pid > 1 && !turn.desk.own_pids.contains(id.pid)
           && !turn.desk.is_command(entry->process);
}

// Nobody ends a kernel thread but a command that has the kernel do it.
bool Watch::may_be_signalled(const Identity& id, const Turn& turn) const {
    return may_be_ended(id, turn) && !turn.desk.table.find(id)->process.kernel_thread;
}

std::set<Identity> Watch::members_to_end(const Turn& turn) const {
    std::set<Identity> ids;
    for (const auto& id : members()) {
        if (may_be_ended(id, turn)) ids.insert(id);
    }
    return ids;
}

// A restart command sees to those that still listen; who hangs would make it wait, or be left beside its successor.
std::set<Identity> Watch::to_end(const Turn& turn) const {
    return spec_.restart.command.empty() ? members_to_end(turn) : hung_to_end(turn);
}

bool Watch::end_members(Turn& turn) {
    const int signal = plan_.killed ? SIGKILL : spec_.restart.signal;
    if (plan_.victims.empty()) {
        // Whoever joined them meanwhile has to go as well, within the same time.
        plan_.victims = to_end(turn);
        if (plan_.victims.empty()) {
            plan_.phase = Plan::Phase::holding;
            return true;
        }
        signal_all(plan_.victims, signal, turn);
    }
    if (!plan_.unheard.empty()) {
        if (turn.now >= plan_.say_again_at) signal_all(std::exchange(plan_.unheard, {}), signal, turn);
        return false;
    }
    if (turn.now < plan_.deadline) return false;
    const bool deaf = victims_are_deaf(turn);
    if (plan_.killed || deaf) {
        // In D, most likely. A second copy beside it would be worse than none, and no further attempt ends it either.
        const bool hang = std::ranges::any_of(
            findings_.by_key(), [&](const auto& pair) { return plan_.victims.contains(pair.second.process); });
        const auto pid = plan_.victims.begin()->pid;
        if (hang && deaf)
            escalate(fmt::format("kernel thread {} has not ended, and no signal can end it: {}", pid, plan_.reason),
                     turn);
        else if (hang)
            escalate(fmt::format("pid {} can't be ended, not even by SIGKILL: {}", pid, plan_.reason), turn);
        else if (deaf)
            attempt_failed(
                fmt::format("{} kernel threads have not ended, and no signal can end them", plan_.victims.size()),
                turn);
        else
            attempt_failed(fmt::format("{} processes can't be ended, not even by SIGKILL", plan_.victims.size()), turn);
        return false;
    }
    plan_.deadline = turn.now + spec_.restart.kill_after;
    signal_all(plan_.victims, SIGKILL, turn);
    return false;
}

// Its time begins when it has heard.
void Watch::unheard_by(const Identity& id, Turn& turn) {
    plan_.unheard.insert(id);
    plan_.say_again_at = turn.now + between_tries;
    plan_.deadline = plan_.say_again_at + spec_.restart.kill_after;
}

void Watch::signal_all(const std::set<Identity>& ids, int signal, Turn& turn) {
    plan_.killed = plan_.killed || signal == SIGKILL;
    for (const auto& id : ids) {
        if (!may_be_signalled(id, turn)) continue;
        turn.out.emplace_back(Signal{.id = id, .signal = signal});
        // Who is stopped hears nothing but SIGKILL, and is given the time to hear this.
        const bool stopped =
            std::ranges::any_of(findings_.of(id), [](const auto* one) { return one->kind == HangKind::stopped; });
        if (stopped && signal != SIGKILL) turn.out.emplace_back(Signal{.id = id, .signal = SIGCONT});
    }
}

} // namespace nezuban
