#include "control/render.hpp"

#include "control/finding_json.hpp"
#include "core/date.hpp"
#include "unit/control/views.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace nezuban;
using namespace nezuban::test;
using namespace std::chrono_literals;

namespace {

constexpr Time now{1000s};

DaemonView a_daemon() {
    DaemonView daemon;
    daemon.pid = 4711;
    daemon.uptime = 3h + 2min + 500ms;
    daemon.clocks = {.monotonic = now, .wall = WallTime{std::chrono::sys_days{std::chrono::year{2026} / 3 / 1}}};
    daemon.latency_p50 = 1500ns;
    return daemon;
}

RuleView a_scanner() {
    auto view = rule("scanner", RuleState::ok, 3);
    view.max = 500;
    view.attempts = 3;
    return view;
}

} // namespace

TEST_CASE("status as JSON has the shape that scripts rely on") {
    auto view = engine_of({a_scanner()}, {{.name = "mail", .state = RuleState::ok, .members = {"scanner"}}});
    view.events_received = 10;
    const auto json = nlohmann::json::parse(status_json(view, a_daemon()));

    CHECK(json["version"] == 1);
    const auto& daemon = json["daemon"];
    CHECK(daemon["pid"] == 4711);
    CHECK(daemon["uptime_s"] == 10920.5);
    CHECK(daemon["mode"] == "bpf");
    CHECK(daemon["events_received"] == 10);
    CHECK(daemon["events_lost"] == 0);
    CHECK(daemon["resyncs"] == 0);
    CHECK(daemon["history"] == nlohmann::json::parse(R"({"ok":true,"error":null,"dropped":0})"));
    CHECK(daemon["decision_latency_us"]["p50"] == 1.5);

    const auto& rule = json["rules"][0];
    CHECK(rule["name"] == "scanner");
    CHECK(rule["kind"] == "process");
    CHECK(rule["state"] == "ok");
    CHECK(rule["count"] == 3);
    CHECK(rule["min"] == 1);
    CHECK(rule["max"] == 500);
    CHECK(rule["pids"] == nlohmann::json({10, 11, 12}));
    CHECK(rule["findings"] == nlohmann::json::array());
    CHECK(rule["restart"] == nlohmann::json::parse(R"({"attempts_used":0,"attempts":3,"next_at":null})"));
    CHECK(rule["waits_for"] == nlohmann::json::array());
    const auto& group = json["groups"][0];
    CHECK(group["name"] == "mail");
    CHECK(group["state"] == "ok");
    CHECK(group["root_cause"].is_null());
    CHECK(group["since"].is_null());
    CHECK(group["consequences"] == nlohmann::json::array());
    CHECK(group["members"] == nlohmann::json({"scanner"}));
    CHECK(group["restart"]["attempts"].is_null());
}

TEST_CASE("status as JSON gives dates on the wall clock, and null for what there isn't") {
    auto view = a_scanner();
    view.max.reset();
    view.next_at = now + 1500ms;
    view.paused_until = now - 1ns;
    view.out_of_range = {{.value = "\xff", .count = 7}};
    const auto json = nlohmann::json::parse(status_json(engine_of({view}), a_daemon()));
    const auto& rule = json["rules"][0];
    CHECK(rule["max"] == nullptr);
    CHECK(rule["restart"]["next_at"] == "2026-03-01T00:00:01.500000000Z");
    CHECK(rule["paused_until"] == "2026-02-28T23:59:59.999999999Z");
    CHECK(rule["out_of_range"][0]["count"] == 7);
}

TEST_CASE("a finding is shown with its kind, since when, why, and all its evidence") {
    auto view = a_scanner();
    view.state = RuleState::hung;
    view.findings = {
        {.kind = HangKind::uninterruptible,
         .process = {.pid = 11, .start_ns = 5},
         .tid = 12,
         .since = now - 41s,
         .reason = "tid 12 (w\x1b) is in D",
         .evidence = {{"comm", "w\x1b"}, {"kernel_stack", std::vector<std::string>{"a+0x1", "b+0x2"}}},
         .key = "k"},
        {.kind = HangKind::silent, .process = {.pid = 11, .start_ns = 5}, .since = now - 1s, .reason = "silent"}};
    const auto status = answer_status(engine_of({view}), a_daemon(), {});
    const auto findings = nlohmann::json::parse(status.json)["rules"][0]["findings"];
    CHECK(findings[0] == nlohmann::json::parse(R"({"kind": "uninterruptible", "pid": 11, "tid": 12,
        "since": "2026-02-28T23:59:19.000000000Z", "reason": "tid 12 (w\u001b) is in D",
        "evidence": {"comm": "w\u001b", "kernel_stack": ["a+0x1", "b+0x2"]}})"));
    CHECK(findings[1]["tid"] == nullptr);
    CHECK(status.lines.at(3) == "  uninterruptible since 2026-02-28T23:59:19Z: tid 12 (w\\x1b) is in D");
    CHECK(status.lines.at(4) == "  silent since 2026-02-28T23:59:59Z: silent");

    SUBCASE("and whoever asks the daemon gets it back as it was, but for what only the daemon knows") {
        const auto read =
            finding_from(nlohmann::ordered_json::parse(status.json)["rules"][0]["findings"][0], a_daemon().clocks);
        REQUIRE(read);
        CHECK(read->kind == HangKind::uninterruptible);
        CHECK(read->process.pid == 11);
        CHECK(read->tid == 12);
        CHECK(read->since == now - 41s);
        CHECK(read->reason == view.findings[0].reason);
        CHECK(read->evidence == view.findings[0].evidence);
    }
}

TEST_CASE("a storm of findings does not push the other rules off the screen") {
    auto view = a_scanner();
    for (int i = 0; i < 100; ++i)
        view.findings.push_back({.kind = HangKind::lock_wait, .process = {.pid = 11}, .since = now, .reason = "waits"});
    const auto lines = status_text(engine_of({view, rule("other", RuleState::ok, 1)}), a_daemon());
    CHECK(lines.size() == 10);
    CHECK(lines.at(8) == "  and 95 more findings");
    CHECK(lines.back().starts_with("other"));
}

TEST_CASE("what is no finding is not taken for one") {
    for (const auto* text :
         {"null", "3", "{}", R"({"kind": "deadlock", "pid": 1})", R"({"kind": "x", "pid": 1, "since": "now"})",
          R"({"kind": "deadlock", "pid": -1, "since": "now"})"})
        CHECK_FALSE(finding_from(nlohmann::ordered_json::parse(text), a_daemon().clocks));
}

TEST_CASE("status as text is a table that can be read in a hurry") {
    auto view = engine_of({a_scanner(), mending("postgres", "0 running, at least 1 wanted"), failed("x", "gave up")},
                          {{.name = "mail", .state = RuleState::restarting, .members = {"scanner", "postgres"}}});
    view.rules[1].next_at = now + 4s;
    view.rules[1].attempts_used = 1;
    view.rules[1].attempts = 3;
    view.rules[0].count = 6;
    view.rules[0].pids = {10, 11, 12, 13, 14, 15};
    view.processes = 312;
    view.rules[0].waits_for = {"postgres"};
    auto& group = view.groups[0];
    group.root_cause = "postgres";
    group.reason = "pid 7 was killed by SIGKILL";
    group.since = now;
    group.consequences = {"scanner"};
    group.attempts = 5;
    const std::vector<std::string> expected{
        "nezuban 4711, up 3h 2m, bpf, 312 processes, 0 events, 0 lost, 0 resyncs",
        "RULE      STATE       COUNT  LIMITS  RESTARTS  PIDS             WHY",
        "scanner   ok              6  1..500  0/3       10 11 12 13 ...  waits for postgres",
        "postgres  restarting      0  1..     1/3       -                0 running, at least 1 wanted, next restart in "
        "4s",
        "x         exhausted       0  1..     -         -                gave up",
        "group mail  restarting  scanner postgres  0/5 restarts",
        "  postgres fell first, " + format_time(a_daemon().clocks.to_wall(now)).substr(0, 23)
            + "Z: pid 7 was killed by SIGKILL",
        "  with it: scanner",
    };
    CHECK(status_text(view, a_daemon()) == expected);
}

TEST_CASE("the text says what can't be trusted, and no process name commands the terminal") {
    auto daemon = a_daemon();
    daemon.blind = "no events since 10s";
    daemon.history_error = "disk full";
    auto evil = rule("a", RuleState::over, 1);
    evil.failed = true;
    evil.reason = "\x1b[2J";
    const auto lines = status_text(engine_of({evil}), daemon);
    CHECK(lines[1] == "BLIND: no events since 10s");
    CHECK(lines[2] == "HISTORY: disk full");
    CHECK(lines[4] == "a     over       1  1..     -         10    FAILED, \\x1b[2J");
    CHECK(status_text(engine_of({}), a_daemon()).back() == "no rules");
}

TEST_CASE("status answers for the named rules, and a group brings its members") {
    const auto view = engine_of({rule("a", RuleState::ok, 1), rule("b", RuleState::ok, 1), rule("c", RuleState::ok, 1)},
                                {{.name = "g", .state = RuleState::ok, .members = {"c", "a"}}});
    const auto names_in = [](const Response& response) {
        std::vector<std::string> names;
        const auto json = nlohmann::json::parse(response.json);
        for (const auto& rule : json["rules"])
            names.push_back(rule["name"]);
        return names;
    };
    CHECK(names_in(answer_status(view, a_daemon(), {})) == std::vector<std::string>{"a", "b", "c"});
    CHECK(names_in(answer_status(view, a_daemon(), {"b"})) == std::vector<std::string>{"b"});
    CHECK(names_in(answer_status(view, a_daemon(), {"g"})) == std::vector<std::string>{"a", "c"});

    const auto unknown = answer_status(view, a_daemon(), {"a", "q"});
    CHECK_FALSE(unknown.ok);
    CHECK(unknown.exit_code == 1);
    CHECK(unknown.error == "there is no rule or group 'q'");
}
