// Commands beside restarts, which nobody waits for: they call somebody, hold something off, or notify. What keeps one
// from being started is told; and those that have to be are asked for again, as long as there is a reason.
#include "core/tell.hpp"
#include "engine/watch.hpp"

#include <algorithm>
#include <ranges>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace nezuban {

namespace {

constexpr Duration least_pause = 1s;

std::string how(const CommandEnded& ended, bool started) {
    return started && !ended.error.empty() ? "took too long: " + ended.error : tell(ended);
}

} // namespace

RunCommand& Watch::call(Call call, const Incident& why, Turn& turn) {
    const bool page = call.kind == CallKind::escalate;
    const auto& argv = page                          ? spec_.escalate.command
                       : call.kind == CallKind::over ? spec_.count.over_command
                                                     : spec_.notify_command;
    auto& command = run(argv, why, word_of(call.kind), turn);
    call.reason = why.reason;
    call.attempt = why.attempt;
    owed_.erase({call.kind, call.value});
    turn.desk.restarts[command.id] = this;
    calls_.emplace(command.id, std::move(call));
    return command;
}

std::string Watch::word_of(CallKind kind) {
    if (kind == CallKind::escalate) return "escalate";
    return kind == CallKind::over ? "over" : "notify";
}

void Watch::call_started(CommandId id, Turn& turn) {
    const auto found = calls_.find(id);
    if (found == calls_.end()) return;
    found->second.started = true;
    if (found->second.kind == CallKind::escalate && std::exchange(page_owed_, false)) remember(turn);
}

void Watch::call_ended(const CommandEnded& ended, Turn& turn) {
    auto found = calls_.extract(ended.id);
    if (!found) return;
    auto& call = found.mapped();
    if (well_ended(ended)) return;
    auto text = fmt::format("{} command {}", word_of(call.kind), how(ended, call.started));
    if (!call.started && stands(call)) {
        const auto pause = std::max(budget_.delay_after(++call.failures, turn.desk.dice), least_pause);
        text += "; next try in " + tell(pause);
        call.again_at = turn.now + pause;
        owed_.insert_or_assign({call.kind, call.value}, std::move(call));
    }
    report(incident(Happening::command_failed, std::move(text), turn), turn);
}

// What it was asked for is still so.
bool Watch::stands(const Call& call) const {
    if (call.kind == CallKind::notify) return false;
    const bool page = call.kind == CallKind::escalate;
    if (page && spec_.escalate.action != EscalateAction::run) return false;
    if (page && exhausted_) return true;
    const auto bucket = buckets_.find(call.value);
    if (bucket == buckets_.end() || !bucket->second.acted) return false;
    const auto told = bucket->second.judgement.told();
    return told == Range::over || (page && told == Range::under);
}

void Watch::call_again(Turn& turn) {
    std::erase_if(owed_, [&](const auto& pair) { return !stands(pair.second); });
    if (paused_) return;
    for (const auto& [key, owed] : std::map(owed_)) {
        if (owed.again_at > turn.now) continue;
        auto why = incident(key.first == CallKind::over ? Happening::over : Happening::escalated, owed.reason, turn);
        why.attempt = owed.attempt;
        call(owed, why, turn);
    }
}

std::optional<Time> Watch::next_call() const {
    if (paused_ || owed_.empty()) return std::nullopt;
    return std::ranges::min(owed_ | std::views::values, {}, &Call::again_at).again_at;
}

} // namespace nezuban
