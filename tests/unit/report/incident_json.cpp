#include "report/incident_json.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace nezuban;
using namespace std::chrono_literals;

namespace {

const ClockPair clocks{.monotonic = Time(100s), .wall = WallTime(1'795'341'900s)};

} // namespace

TEST_CASE("an incident has the promised shape, in the promised order") {
    Incident incident{.time = Time(100s + 123'456'789ns),
                      .happening = Happening::exit,
                      .rule = "scanner",
                      .group = "mail",
                      .pid = 10,
                      .reason = "pid 10 was killed by SIGKILL",
                      .cause = Cause{.signal = 9, .known = true, .sender_pid = 7, .sender_comm = "bash"},
                      .attempt = 2,
                      .count = 3,
                      .evidence = {{"z", "first"}, {"a", "second"}}};
    CHECK(to_json(incident, clocks)
          == R"({"time":"2026-11-22T10:05:00.123456789Z","rule":"scanner","group":"mail","event":"exit","pid":10,)"
             R"("reason":"pid 10 was killed by SIGKILL","cause":{"exit_code":null,"signal":"SIGKILL","core":false,)"
             R"("sender_pid":7,"sender_comm":"bash","sender_uid":0,"oom":false},"attempt":2,"count":3,)"
             R"("evidence":{"z":"first","a":"second"}})");
    CHECK(to_text(incident) == "scanner: exit: pid 10 was killed by SIGKILL; z: first; a: second");
}

TEST_CASE("what isn't known is null") {
    auto json = nlohmann::json::parse(to_json({.time = Time(0s), .happening = Happening::daemon_start}, clocks));
    CHECK(json["time"] == "2026-11-22T10:03:20.000000000Z");
    CHECK(json["pid"].is_null());
    CHECK(json["cause"].is_null());
    CHECK(json["group"].is_null());
    CHECK(json["rule"] == "");
    CHECK(json["evidence"].is_object());

    auto exited = nlohmann::json::parse(to_json({.cause = Cause{.exit_code = 3, .known = true}}, clocks))["cause"];
    CHECK(exited["exit_code"] == 3);
    CHECK(exited["signal"].is_null());
    CHECK(exited["sender_pid"].is_null());
    CHECK(exited["sender_comm"].is_null());

    auto unseen = nlohmann::json::parse(to_json({.cause = Cause{}}, clocks))["cause"];
    CHECK(unseen["exit_code"].is_null());
}

TEST_CASE("names of any bytes break neither the JSON nor the log") {
    Incident incident{.rule = "r", .reason = "pid 1 (\xff\n\x1b[31m\"x\") exited"};
    auto json = to_json(incident, clocks);
    CHECK(json.find('\n') == std::string::npos);
    CHECK(nlohmann::json::parse(json)["reason"] == "pid 1 (\xef\xbf\xbd\n\x1b[31m\"x\") exited");
    CHECK(to_text(incident) == "r: exit: pid 1 (???[31m\"x\") exited");
}
