// What can be asked of a running daemon.
#include "app/configuration.hpp"
#include "app/daemon.hpp"
#include "control/render.hpp"
#include "io/clock.hpp"
#include "io/own_process.hpp"

#include <algorithm>
#include <cstddef>
#include <set>
#include <sstream>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace nezuban {

namespace {

bool asks_for_silence(const RuleSpec& rule) {
    return rule.hang.silent.has_value();
}

} // namespace

DaemonView Daemon::view(Time now) const {
    const auto health = parts_.store.health();
    return {.pid = own_pid(),
            .uptime = now - started_,
            .mode = std::string(name_of(parts_.features.mode)),
            .missing = missing(),
            .clocks = clock_pair(),
            .blind = why_blind(),
            .history_error = health.error,
            .history_dropped = health.dropped,
            .latency_p50 = latency_.percentile(0.50),
            .latency_p99 = latency_.percentile(0.99),
            .latency_max = latency_.max()};
}

Response Daemon::answer(const Request& request) {
    now_ = std::max(now_, monotonic_now());
    switch (request.verb) {
    case Request::Verb::status: return answer_status(parts_.engine.view(now_), view(now_), request.names);
    case Request::Verb::reload: break; // takes its time, see Reloads
    case Request::Verb::pause:
    case Request::Verb::resume:
    case Request::Verb::restart:
    case Request::Verb::reset: return each_name(request);
    }
    return refusal("not a verb of this daemon");
}

Response Daemon::each_name(const Request& request) {
    Response response;
    for (const auto& name : request.names) {
        Intents intents;
        Result<void> done;
        std::string what;
        if (request.verb == Request::Verb::pause) {
            done = parts_.engine.pause(name, request.hold ? std::optional(now_ + *request.hold) : std::nullopt, now_,
                                       intents);
            what = request.hold ? "paused for a while" : "paused until resumed";
        } else if (request.verb == Request::Verb::resume) {
            done = parts_.engine.resume(name, now_, intents);
            what = "resumed";
        } else if (request.verb == Request::Verb::restart) {
            done = parts_.engine.restart(name, now_, intents);
            what = "restarting";
        } else {
            done = parts_.engine.reset(name, now_, intents);
            what = "reset";
        }
        carry_out(std::move(intents));
        if (!done) return refusal(done.error().text);
        response.lines.push_back(name + ": " + what);
    }
    return response;
}

// Who is watched for his silence in the kernel is so until he ends, or nobody asks for it any more.
void Daemon::forget_stalls() {
    std::set<Identity> asked;
    const auto members = parts_.engine.matches();
    for (std::size_t rule = 0; rule < members.size(); ++rule) {
        if (!asks_for_silence(parts_.spec.rules[rule])) continue;
        for (const auto& process : members[rule])
            asked.insert(process.id);
    }
    waits_.keep(asked);
}

Response Daemon::reload(const Result<Sources>& sources) {
    now_ = std::max(now_, monotonic_now());
    if (!sources) {
        ready();
        return refusal(sources.error().text + "; nothing was changed");
    }
    std::ostringstream problems;
    auto spec = read_configuration(parts_.config_path, problems, *sources);
    auto response =
        spec ? apply(std::move(*spec)) : refusal(parts_.config_path + " has errors; nothing was changed", exit_usage);
    ready();
    std::vector<std::string> told;
    std::string line;
    for (std::istringstream lines(problems.str()); std::getline(lines, line);) {
        told.push_back(line);
    }
    response.lines.insert(response.lines.begin(), told.begin(), told.end());
    return response;
}

Response Daemon::apply(Spec spec) {
    Intents intents;
    auto changes = parts_.engine.reload(spec.rules, spec.groups, now_, intents);
    auto fixed = parts_.spec.daemon; // of the daemon, these alone can change while it runs
    fixed.reconcile = spec.daemon.reconcile;
    fixed.scan = spec.daemon.scan;
    fixed.script_security = spec.daemon.script_security;
    const bool restart_needed = !(fixed == spec.daemon);
    if (parts_.spec.daemon.reconcile != spec.daemon.reconcile) changes.emplace_back("~ daemon.reconcile");
    if (parts_.spec.daemon.scan != spec.daemon.scan) changes.emplace_back("~ daemon.scan");
    if (parts_.spec.daemon.script_security != spec.daemon.script_security)
        changes.emplace_back("~ daemon.script_security");
    const bool silence_asked = std::ranges::any_of(parts_.spec.rules, asks_for_silence);
    parts_.spec.rules = std::move(spec.rules);
    prepare_prober();
    tend_notify_socket();
    parts_.spec.groups = std::move(spec.groups);
    parts_.spec.daemon = std::move(fixed);
    commands_.guard(parts_.spec.daemon.script_security == ScriptSecurity::refuse);
    carry_out(std::move(intents));
    if (silence_asked) forget_stalls();
    Response response;
    if (restart_needed)
        response.lines.emplace_back("the other changes in [daemon] take effect when the daemon is restarted");
    if (changes.empty()) changes.emplace_back("no rule has changed");
    response.lines.insert(response.lines.end(), changes.begin(), changes.end());
    return response;
}

} // namespace nezuban
