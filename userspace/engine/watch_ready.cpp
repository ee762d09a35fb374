// Started is not ready: asked again and again until it answers well, or too late.
#include "core/tell.hpp"
#include "engine/watch.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace nezuban {

namespace {

// What is ready after T is noticed T/16 later at most, so that a chain of starts loses a sixteenth by asking; and what
// starts within a millisecond is not asked a thousand times a second.
constexpr int look_share = 16;
constexpr Duration first_pause = 2ms;
// One that accepts and never answers shall not use up the whole time.
constexpr Duration least_patience = 1s;
constexpr Duration answer_slack = 30s;

} // namespace

void Watch::look_whether_ready(Turn& turn) {
    // Where nothing follows of it, it is asked on, and no faster for that.
    if (plan_.asks && !may_act() && plan_.check == 0 && turn.now >= plan_.ready_until)
        plan_.ready_until = turn.now + spec_.ready.timeout;
    const auto until = plan_.ready_until;
    if (plan_.check == 0 && turn.now >= until) {
        attempt_failed(fmt::format("not ready within {}: {}", tell(spec_.ready.timeout), plan_.not_ready), turn);
        return;
    }
    if (plan_.check == 0 && turn.now >= plan_.check_at) ask_whether_ready(until, turn);
    if (plan_.check != 0 && turn.now >= until + answer_slack) {
        stop_asking(turn);
        attempt_failed("nothing was heard of the look whether it is ready", turn);
        return;
    }
    plan_.deadline = plan_.check != 0 ? until + answer_slack : std::min(plan_.check_at, until);
}

// A pause, the end of the daemon before us or a restart by hand has left nobody to ask. It may have become ready since:
// asking is only observing, so it goes on in a pause as well.
void Watch::ask_again(Turn& turn) {
    plan_ = {.reason = "it runs, but was not ready", .asks = true, .began = turn.now};
    settle(turn);
}

void Watch::ask_whether_ready(Time until, Turn& turn) {
    const auto& ready = spec_.ready;
    if (ready.command.empty()) {
        plan_.check = turn.desk.next_command++;
        turn.out.emplace_back(Probe{.id = plan_.check,
                                    .kind = ready.http.empty() ? ProbeKind::tcp : ProbeKind::http,
                                    .target = ready.http.empty() ? ready.tcp : ready.http,
                                    .timeout = std::min(until - turn.now, std::max(ready.every, least_patience))});
    } else {
        auto& command = run(ready.command, incident(Happening::restart, plan_.reason, turn), "ready", turn);
        command.timeout = until - turn.now;
        plan_.check = command.id;
    }
    turn.desk.restarts[plan_.check] = this;
}

void Watch::probed(const Probed& probed, Turn& turn) {
    turn.desk.restarts.erase(probed.id);
    if (probed.id == plan_.check) take_readiness(probed.error, turn);
}

void Watch::take_readiness(const std::string& error, Turn& turn) {
    plan_.check = 0;
    plan_.ready = error.empty();
    unready_ = !plan_.ready;
    if (plan_.ready && plan_.asks) remember(turn); // of any other plan the end is
    plan_.not_ready = error;
    plan_.check_at = turn.now
                     + std::clamp((turn.now - plan_.settling_from) / look_share, first_pause,
                                  std::max(first_pause, spec_.ready.every));
}

void Watch::stop_asking(Turn& turn) {
    if (plan_.check != 0) end_question(spec_.ready, turn);
}

void Watch::end_question(const ReadySpec& asked, Turn& turn) {
    turn.desk.restarts.erase(plan_.check);
    if (!asked.command.empty()) turn.out.emplace_back(EndCommand{plan_.check});
    plan_.check = 0;
}

} // namespace nezuban
