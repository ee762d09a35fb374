// Carrying out what the engine wants.
#include "app/daemon.hpp"
#include "app/superseded.hpp"
#include "io/errno.hpp"
#include "io/process_signal.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <expected>
#include <utility>
#include <variant>
#include <vector>

namespace nezuban {

namespace {

// Sent before the ring is looked at again: 10 µs each, so observation waits for about a millisecond. More than a batch
// of records asks for, or a backlog of signals would grow for as long as a storm lasts.
constexpr std::size_t signals_a_turn = 128;

// What is done about processes, or told of them; not what the daemon does for itself.
bool matters(const Intent& intent) {
    return std::holds_alternative<Signal>(intent) || std::holds_alternative<RunCommand>(intent)
           || std::holds_alternative<Report>(intent);
}

} // namespace

void Daemon::carry_out(Intents intents) {
    const auto needless = superseded(intents);
    for (std::size_t at = 0; at < intents.size(); ++at) {
        if (needless[at]) continue;
        look_.mattered = look_.mattered || matters(intents[at]);
        std::visit([this](auto& each) { act(each); }, intents[at]);
    }
}

void Daemon::act(RunCommand& command) {
    const auto watchdog =
        std::ranges::find(command.environment, "WATCHDOG_USEC", [](const auto& pair) { return pair.first; });
    if (notify_ && watchdog != command.environment.end())
        command.environment.emplace_back("NOTIFY_SOCKET", notify_->path());
    commands_.run(std::move(command));
}

void Daemon::act(const EndCommand& end) {
    commands_.end(end.id);
}

void Daemon::act(const AdoptCommand& adopt) {
    commands_.adopt(adopt.id);
}

void Daemon::act(const Probe& probe) {
    prober_.ask(probe);
}

void Daemon::act(const Signal& signal) {
    signals_.push_back(signal);
}

void Daemon::act(const Report& report) {
    parts_.store.incident(report.incident);
    health_->told(report.incident);
}

void Daemon::act(const Remember& remember) {
    parts_.store.remember(remember.memory);
    health_->changed(false);
}

void Daemon::act(const Resync& /*resync*/) {
    parts_.observer.compare();
    busy_ = true;
}

void Daemon::act(const WatchStalls& watch) {
    waits_.watch(watch);
}

void Daemon::act(const FollowThread& follow) {
    waits_.follow(follow);
}

void Daemon::act(const CountSyscalls& count) {
    waits_.count(count);
}

void Daemon::act(const Quit& quit) {
    parts_.store.log(Severity::error, quit.why);
    exit_code_ = quit.exit_code;
    quit_why_ = quit.why;
    health_->changed(true);
}

// Held first, then whatever tells of an end is read, then sent. Where a number goes from hand to hand within one tick
// of the clock, only this finds out. Without it, of 2,200 processes that were given the number of one that had just
// been born, was to be killed and had ended by itself, three were killed in its place; with it, none of 1,500.
void Daemon::send_signals() {
    if (signals_.empty()) return;
    std::vector<std::pair<Signal, std::expected<SignalTarget, int>>> held;
    bool holding = false;
    while (held.size() < signals_a_turn && !signals_.empty()) {
        auto target = SignalTarget::hold(signals_.front().id);
        const bool wanting = !target && is_for_want(target.error());
        if (wanting && holding) break; // those before it let go of theirs first
        if (wanting) tell_want(target.error());
        holding = holding || target;
        held.emplace_back(signals_.front(), std::move(target));
        signals_.pop_front();
    }
    read_backlog();
    for (const auto& [signal, target] : held) {
        int error = target ? 0 : target.error();
        if (error == 0) error = parts_.engine.wants(signal) ? target->send(signal.signal) : ECANCELED;
        handle(SignalSent{.id = signal.id, .signal = signal.signal, .error = error, .for_want = is_for_want(error)},
               now_);
    }
}

void Daemon::tell_want(int error) {
    constexpr auto every = std::chrono::minutes(1);
    if (want_told_ && now_ - *want_told_ < every) return;
    want_told_ = now_;
    parts_.store.log(Severity::error, "no signal can be sent, it is tried again: " + errno_text(error));
}

} // namespace nezuban
