#include "control/finding_json.hpp"
#include "control/render.hpp"
#include "control/wording.hpp"
#include "core/date.hpp"

#include <chrono>
#include <optional>

#include <nlohmann/json.hpp>

namespace nezuban {

namespace {

using Json = nlohmann::ordered_json;

double in_microseconds(Duration duration) {
    return std::chrono::duration<double, std::micro>(duration).count();
}

Json date(const std::optional<Time>& time, const ClockPair& clocks) {
    return time ? Json(format_time(clocks.to_wall(*time))) : Json(nullptr);
}

Json of_daemon(const EngineView& view, const DaemonView& daemon) {
    return {
        {"pid", daemon.pid},
        {"uptime_s", seconds_of(daemon.uptime)},
        {"mode", daemon.mode},
        {"missing", daemon.missing},
        {"blind", daemon.blind.empty() ? Json(nullptr) : Json(daemon.blind)},
        {"events_received", view.events_received},
        {"events_lost", view.events_lost},
        {"resyncs", view.resyncs},
        {"processes", view.processes},
        {"history",
         {{"ok", daemon.history_error.empty()},
          {"error", daemon.history_error.empty() ? Json(nullptr) : Json(daemon.history_error)},
          {"dropped", daemon.history_dropped}}},
        {"decision_latency_us",
         {{"p50", in_microseconds(daemon.latency_p50)},
          {"p99", in_microseconds(daemon.latency_p99)},
          {"max", in_microseconds(daemon.latency_max)}}},
    };
}

Json of_rule(const RuleView& rule, const ClockPair& clocks) {
    Json out_of_range = Json::array();
    for (const auto& bucket : rule.out_of_range)
        out_of_range.push_back({{"value", bucket.value}, {"count", bucket.count}});
    Json findings = Json::array();
    for (const auto& finding : rule.findings)
        findings.push_back(finding_json(finding, clocks));
    return {
        {"name", rule.name},
        {"kind", "process"},
        {"state", name_of(rule.state)},
        {"reason", rule.reason},
        {"count", rule.count},
        {"min", rule.min},
        {"max", rule.max ? Json(*rule.max) : Json(nullptr)},
        {"pids", rule.pids},
        {"out_of_range", std::move(out_of_range)},
        {"findings", std::move(findings)},
        {"restart",
         {{"attempts_used", rule.attempts_used}, {"attempts", rule.attempts}, {"next_at", date(rule.next_at, clocks)}}},
        {"failed", rule.failed},
        {"mending", rule.mending},
        {"waits_for", rule.waits_for},
        {"paused_until", date(rule.paused_until, clocks)},
        {"stopped_excess", rule.stopped_excess},
    };
}

// root_cause is the name of the rule that fell first, null when nothing is fallen.
Json of_group(const GroupView& group, const ClockPair& clocks) {
    const bool fallen = !group.root_cause.empty();
    return {
        {"name", group.name},
        {"state", name_of(group.state)},
        {"root_cause", fallen ? Json(group.root_cause) : Json(nullptr)},
        {"root_cause_reason", fallen ? Json(group.reason) : Json(nullptr)},
        {"since", date(group.since, clocks)},
        {"consequences", group.consequences},
        {"members", group.members},
        {"restart",
         {{"attempts_used", group.attempts_used},
          {"attempts", group.attempts ? Json(*group.attempts) : Json(nullptr)}}},
    };
}

} // namespace

std::string status_json(const EngineView& view, const DaemonView& daemon) {
    Json rules = Json::array();
    for (const auto& rule : view.rules)
        rules.push_back(of_rule(rule, daemon.clocks));
    Json groups = Json::array();
    for (const auto& group : view.groups)
        groups.push_back(of_group(group, daemon.clocks));
    const Json status{
        {"version", 1},
        {"daemon", of_daemon(view, daemon)},
        {"rules", std::move(rules)},
        {"groups", std::move(groups)},
    };
    return status.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace nezuban
