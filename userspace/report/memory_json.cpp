// RuleMemory as it is kept.
#include "report/history.hpp"

#include <cerrno>

#include <nlohmann/json.hpp>

namespace nezuban {

namespace {

using Json = nlohmann::json;

std::int64_t count_of(WallTime time) {
    return time.time_since_epoch().count();
}

Time time_in(const Json& value, const ClockPair& clocks) {
    return clocks.to_monotonic(WallTime(Duration(value.get<std::int64_t>())));
}

} // namespace

StoredMemory to_stored(const RuleMemory& memory, const ClockPair& clocks) {
    StoredMemory stored{.rule = memory.rule};
    if (memory == RuleMemory{.rule = memory.rule}) return stored; // nothing to remember: the row can go
    Json attempts = Json::array();
    for (auto time : memory.attempts)
        attempts.push_back(count_of(clocks.to_wall(time)));
    auto until = memory.paused_until ? Json(count_of(clocks.to_wall(*memory.paused_until))) : Json();
    stored.json = Json{{"attempts", std::move(attempts)}, {"streak", memory.streak},
                       {"exhausted", memory.exhausted},   {"exhausted_reason", memory.exhausted_reason},
                       {"paused", memory.paused},         {"paused_until", std::move(until)}}
                      .dump(-1, ' ', false, Json::error_handler_t::replace);
    return stored;
}

Result<RuleMemory> from_stored(const StoredMemory& stored, const ClockPair& clocks) {
    try {
        auto json = Json::parse(stored.json);
        RuleMemory memory{.rule = stored.rule};
        for (const auto& time : json.at("attempts"))
            memory.attempts.push_back(time_in(time, clocks));
        json.at("streak").get_to(memory.streak);
        json.at("exhausted").get_to(memory.exhausted);
        json.at("exhausted_reason").get_to(memory.exhausted_reason);
        json.at("paused").get_to(memory.paused);
        if (const auto& until = json.at("paused_until"); !until.is_null()) {
            memory.paused_until = time_in(until, clocks);
        }
        return memory;
    } catch (const Json::exception& error) {
        return fail("the memory of " + stored.rule + ": " + error.what(), EINVAL);
    }
}

} // namespace nezuban
