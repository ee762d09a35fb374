// RuleMemory as it is kept. What is read comes from a disk: a part that isn't what it should be is left out and told,
// the others count.
#include "core/farthest.hpp"
#include "report/history.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <limits>
#include <span>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace nezuban {

namespace {

using Json = nlohmann::json;

std::int64_t count_of(WallTime time) {
    return time.time_since_epoch().count();
}

template <typename Number> Number number_in(const Json& value) {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > std::numeric_limits<Number>::max())
        throw std::out_of_range("is not a number that can be");
    return value.get<Number>();
}

std::string text_in(const Json& value) {
    return value.get_ref<const Json::string_t&>();
}

Duration span_in(const Json& value) {
    constexpr std::int64_t limit = farthest.count();
    if (!value.is_number_integer() || (value.is_number_unsigned() && value.get<std::uint64_t>() > limit)
        || value.get<std::int64_t>() < -limit)
        throw std::out_of_range("is not a time that can be");
    return Duration(value.get<std::int64_t>());
}

Time time_in(const Json& value, const ClockPair& clocks) {
    return clocks.to_monotonic(WallTime(span_in(value)));
}

// How the clocks stood when it was written, if that was in this boot: a date that was stepped since means nothing.
// Throws when it isn't what it should be.
std::optional<ClockPair> clocks_in(const Json& json, const std::string& boot) {
    if (boot.empty() || text_in(json.at("boot")) != boot) return std::nullopt;
    return ClockPair{.monotonic = Time(), .wall = WallTime(span_in(json.at("ahead_ns")))};
}

bool bool_in(const Json& value) {
    return value.get_ref<const Json::boolean_t&>();
}

Json to_json(const PlanMemory& plan, const std::string& boot) {
    Json json{{"boot", boot},
              {"reason", plan.reason},
              {"attempt", plan.attempt},
              {"by_hand", plan.by_hand},
              {"consequence", plan.consequence},
              {"dropped", plan.dropped},
              {"way_made", plan.way_made},
              {"started", plan.started},
              {"token", plan.token}};
    if (plan.command.pid != 0) json["command"] = {{"pid", plan.command.pid}, {"start_ns", plan.command.start_ns}};
    return json;
}

// Half a plan is worse than none, so here nothing may be missing. Absent: it was of another boot.
std::optional<PlanMemory> plan_in(const Json& json, const std::string& boot) {
    if (boot.empty() || text_in(json.at("boot")) != boot) return std::nullopt;
    PlanMemory plan{.reason = text_in(json.at("reason")),
                    .attempt = number_in<std::uint32_t>(json.at("attempt")),
                    .by_hand = bool_in(json.at("by_hand")),
                    .consequence = bool_in(json.at("consequence")),
                    .dropped = bool_in(json.at("dropped")),
                    .way_made = bool_in(json.at("way_made")),
                    .started = bool_in(json.at("started")),
                    .token = text_in(json.at("token"))};
    if (const auto command = json.find("command"); command != json.end()) {
        plan.command = {.pid = number_in<std::uint32_t>(command->at("pid")),
                        .start_ns = number_in<std::uint64_t>(command->at("start_ns"))};
    }
    return plan;
}

struct Part {
    std::string_view name;
    std::function<void(const Json&)> take; // throws when it isn't what it should be
};

void take_parts(const Json& json, std::span<const Part> parts, const std::function<void(std::string)>& complain) {
    for (const auto& [name, take] : parts) {
        const auto value = json.find(name);
        if (value == json.end()) continue;
        try {
            take(*value);
        } catch (const std::exception& error) {
            complain(fmt::format("\"{}\": {}", name, error.what()));
        }
    }
    for (const auto& [name, value] : json.items()) {
        if (std::ranges::find(parts, name, &Part::name) == parts.end())
            complain(fmt::format("\"{}\" is unknown", name));
    }
}

} // namespace

StoredMemory to_stored(const RuleMemory& memory, const ClockPair& clocks, const std::string& boot) {
    StoredMemory stored{.rule = memory.rule};
    if (memory == RuleMemory{.rule = memory.rule}) return stored; // nothing to remember: the row can go
    Json attempts = Json::array();
    for (auto time : memory.attempts)
        attempts.push_back(count_of(clocks.to_wall(time)));
    auto until = memory.paused_until ? Json(count_of(clocks.to_wall(*memory.paused_until))) : Json();
    Json json{{"attempts", std::move(attempts)}, {"streak", memory.streak},
              {"exhausted", memory.exhausted},   {"exhausted_reason", memory.exhausted_reason},
              {"paused", memory.paused},         {"paused_until", std::move(until)}};
    json["clock"] = {{"boot", boot}, {"ahead_ns", count_of(clocks.to_wall(Time()))}};
    if (memory.page_owed) json["page_owed"] = true;
    if (memory.unready) json["unready_in"] = boot;
    if (memory.plan) json["plan"] = to_json(*memory.plan, boot);
    stored.json = json.dump(-1, ' ', false, Json::error_handler_t::replace);
    return stored;
}

Result<RuleMemory> from_stored(const StoredMemory& stored, const ClockPair& clocks, const std::string& boot,
                               std::vector<std::string>& left_out) {
    const auto json = Json::parse(stored.json, nullptr, false);
    if (!json.is_object()) return fail("the memory of " + stored.rule + " is no JSON object", EINVAL);
    RuleMemory memory{.rule = stored.rule};
    auto written_by = clocks;
    // In this order: the clock is what times are read by.
    const std::array<Part, 10> parts{{
        {"clock", [&](const Json& value) { written_by = clocks_in(value, boot).value_or(clocks); }},
        {"attempts",
         [&](const Json& value) {
             std::vector<Time> attempts;
             for (const auto& time : value)
                 attempts.push_back(std::min(time_in(time, written_by), clocks.monotonic));
             memory.attempts = std::move(attempts);
         }},
        {"streak", [&](const Json& value) { memory.streak = number_in<std::uint32_t>(value); }},
        {"exhausted", [&](const Json& value) { memory.exhausted = bool_in(value); }},
        {"exhausted_reason", [&](const Json& value) { memory.exhausted_reason = text_in(value); }},
        {"page_owed", [&](const Json& value) { memory.page_owed = bool_in(value); }},
        {"paused", [&](const Json& value) { memory.paused = bool_in(value); }},
        {"paused_until",
         [&](const Json& value) {
             if (!value.is_null()) memory.paused_until = time_in(value, written_by);
         }},
        {"unready_in", [&](const Json& value) { memory.unready = !boot.empty() && text_in(value) == boot; }},
        {"plan", [&](const Json& value) { memory.plan = plan_in(value, boot); }},
    }};
    take_parts(json, parts, [&](const std::string& what) {
        left_out.push_back(fmt::format("of the memory of {} a part is left out: {}", stored.rule, what));
    });
    return memory;
}

} // namespace nezuban
