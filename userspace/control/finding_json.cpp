#include "control/finding_json.hpp"

#include "core/date.hpp"
#include "core/fact_json.hpp"

#include <array>
#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

namespace nezuban {

namespace {

using Json = nlohmann::ordered_json;

std::optional<HangKind> kind_named(const std::string& name) {
    for (const auto kind :
         {HangKind::uninterruptible, HangKind::stopped, HangKind::deadlock, HangKind::lock_wait, HangKind::unserved,
          HangKind::spinning, HangKind::silent, HangKind::heartbeat, HangKind::probe})
        if (name_of(kind) == name) return kind;
    return std::nullopt;
}

} // namespace

Json finding_json(const Finding& finding, const ClockPair& clocks) {
    return {{"kind", name_of(finding.kind)},
            {"pid", finding.process.pid},
            {"tid", finding.tid == 0 ? Json(nullptr) : Json(finding.tid)},
            {"since", format_time(clocks.to_wall(finding.since))},
            {"reason", finding.reason},
            {"evidence", facts_json<Json>(finding.evidence)}};
}

std::optional<Finding> finding_from(const Json& json, const ClockPair& clocks) {
    const auto text = [&](const char* key) {
        const auto found = json.find(key);
        return found != json.end() && found->is_string() ? found->get<std::string>() : std::string{};
    };
    const auto number = [&](const char* key) {
        const auto found = json.find(key);
        return found != json.end() && found->is_number_unsigned() ? found->get<std::uint32_t>() : 0U;
    };
    if (!json.is_object()) return std::nullopt;
    const auto kind = kind_named(text("kind"));
    const auto since = parse_time(text("since"), clocks.wall);
    if (!kind || !since || number("pid") == 0) return std::nullopt;
    Finding finding{.kind = *kind,
                    .process = {.pid = number("pid")},
                    .tid = number("tid"),
                    .since = clocks.to_monotonic(*since),
                    .reason = text("reason")};
    if (const auto evidence = json.find("evidence"); evidence != json.end()) finding.evidence = facts_of(*evidence);
    return finding;
}

} // namespace nezuban
