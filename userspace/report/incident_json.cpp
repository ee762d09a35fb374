#include "report/incident_json.hpp"

#include "core/date.hpp"
#include "core/fact_json.hpp"
#include "core/json_words.hpp"
#include "core/signal_names.hpp"
#include "core/words.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace nezuban {

namespace {

using Json = nlohmann::ordered_json;

Json cause_json(const Cause& cause) {
    bool exited = cause.known && cause.signal == 0;
    bool sent = cause.sender_pid != 0;
    Json json;
    json["exit_code"] = exited ? Json(cause.exit_code) : Json();
    json["signal"] = cause.signal != 0 ? Json(signal_name(cause.signal)) : Json();
    json["core"] = cause.core;
    json["sender_pid"] = sent ? Json(cause.sender_pid) : Json();
    json["sender_comm"] = sent ? Json(cause.sender_comm) : Json();
    json["sender_uid"] = sent ? Json(cause.sender_uid) : Json();
    json["oom"] = cause.oom;
    return json;
}

} // namespace

std::string to_json(const Incident& incident, const ClockPair& clocks) {
    Json json;
    json["time"] = format_time(clocks.to_wall(incident.time));
    json["rule"] = incident.rule;
    json["group"] = incident.group.empty() ? Json() : Json(incident.group);
    json["event"] = name_of(incident.happening);
    json["pid"] = incident.pid != 0 ? Json(incident.pid) : Json();
    json["reason"] = incident.reason;
    json["cause"] = incident.cause ? cause_json(*incident.cause) : Json();
    json["attempt"] = incident.attempt;
    json["count"] = incident.count;
    json["evidence"] = facts_json<Json>(incident.evidence);
    // Names of processes are bytes, not always UTF-8: what isn't is replaced.
    return harmless_json(json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

namespace {

// What a line of log is better without: it stands in the sentence, or in the line of the root cause itself.
bool needless(const Fact& fact, const Incident& incident) {
    if (fact.key == "role" || fact.key.starts_with("root_cause_")) return true;
    return fact.key == "root_cause" && text_of(fact) == incident.rule;
}

} // namespace

std::string to_text(const Incident& incident) {
    const auto& who = incident.rule.empty() ? incident.group : incident.rule;
    std::string text = who.empty() ? std::string() : who + ": ";
    text += fmt::format("{}: {}", name_of(incident.happening), incident.reason);
    // The sentence about a hang holds its evidence, but for what is longer than a sentence.
    const bool told = incident.happening == Happening::hang || incident.happening == Happening::recovered;
    for (const auto& fact : incident.evidence)
        if (!needless(fact, incident) && (!told || fact.key.ends_with("stack")))
            text += fmt::format("; {}: {}", fact.key, text_of(fact));
    // Whoever names a process must not be able to write lines of the log, or to a terminal.
    return harmless(text, '?');
}

} // namespace nezuban
