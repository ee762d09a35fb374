#include "replay/replay.hpp"

#include "replay/record.hpp"

#include <cstdint>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

using namespace nezuban;
using namespace std::chrono_literals;

namespace {

constexpr Time start{100s};

RuleSpec scanner() {
    RuleSpec rule;
    rule.name = "scanner";
    rule.match.comm = "scand";
    rule.restart.command = {"/bin/systemctl", "restart", "mailsec"};
    return rule;
}

SnapshotTask task(std::uint32_t pid, std::string comm) {
    Process process;
    process.id = {.pid = pid, .start_ns = pid * 1000ULL};
    process.ppid = 1;
    process.comm = std::move(comm);
    return {.process = std::move(process), .dying = false, .zombie = false};
}

Exited death(std::uint32_t pid) {
    return {.id = {.pid = pid, .start_ns = pid * 1000ULL}, .cause = {.signal = 9, .known = true}};
}

// A record, an engine, and what came of it.
struct Stage {
    std::string record = record_header({.monotonic = start, .wall = WallTime{1'772'366'400s}});
    std::vector<std::string> lines;
    std::vector<std::string> warnings;
    std::vector<std::pair<Duration, Intent>> intents;
    ClockPair began{};

    void at(Duration since, const Event& event) {
        record += to_line(event, start + since, start);
    }
    void snapshot(std::uint32_t pid) {
        at(0s, SnapshotBegan{});
        at(0s, task(pid, "scand"));
        at(0s, SnapshotEnded{});
    }
    Result<ReplaySummary> play(std::vector<RuleSpec> rules) {
        Engine engine{{}, std::move(rules), {}, {}};
        std::istringstream in{record};
        return replay(
            in, engine,
            {.begin = [&](const ClockPair& clocks) { began = clocks; },
             .intent =
                 [&](Time time, const Intent& intent) {
                     intents.emplace_back(time - began.monotonic, intent);
                     if (auto line = replay_text(time - began.monotonic, intent); !line.empty()) lines.push_back(line);
                 },
             .broken = [&](std::uint64_t number,
                           const std::string& why) { warnings.push_back(std::to_string(number) + ": " + why); }});
    }
    [[nodiscard]] std::size_t count(std::string_view words) const {
        std::size_t found = 0;
        for (const auto& line : lines)
            found += line.find(words) == std::string::npos ? 0 : 1;
        return found;
    }
};

} // namespace

TEST_CASE("a death is replayed at its time, and the restart is told and not done") {
    Stage stage;
    stage.snapshot(7);
    stage.at(12s + 345ns, death(7));
    const auto summary = stage.play({scanner()});
    REQUIRE(summary.has_value());
    CHECK(summary->events == 4);
    CHECK(summary->broken == 0);
    CHECK(summary->length == 12s + 345ns);
    CHECK(stage.began.monotonic == start);
    CHECK(stage.count("+12.000000345  would run [/bin/systemctl restart mailsec]") == 1);
    CHECK(stage.count("scanner: under: ") == 1);
}

TEST_CASE("what is due between two events happens at its own time, and nothing after the last one") {
    Stage stage;
    stage.snapshot(7);
    stage.at(1s, death(7));
    stage.at(2h, task(8, "other")); // long after every attempt
    auto rule = scanner();
    rule.restart.attempts = 2;
    auto summary = stage.play({rule});
    REQUIRE(summary.has_value());
    // The recorded world doesn't react: both attempts are in vain, and then the rule gives up.
    CHECK(stage.count("would run") == 2);
    CHECK(stage.count(": escalated: ") == 1);
    for (std::size_t i = 1; i < stage.intents.size(); ++i)
        CHECK(stage.intents[i - 1].first <= stage.intents[i].first);
    CHECK(stage.intents.back().first < 1h);

    Stage brief;
    brief.snapshot(7);
    brief.at(1s, death(7));
    REQUIRE(brief.play({rule}).has_value());
    CHECK(brief.count("would run") == 1);
}

TEST_CASE("the excess would be ended, and each of it is named") {
    Stage stage;
    stage.snapshot(7);
    stage.at(1s, task(8, "scand"));
    auto rule = scanner();
    rule.count.max = 1;
    rule.count.over = Over::stop_newest;
    Process child = task(9, "scand").process;
    stage.at(2s, Forked{.child = child, .parent = {.pid = 7, .start_ns = 7000}});
    REQUIRE(stage.play({rule}).has_value());
    CHECK(stage.count("to 9 (start 9000)") >= 1);
    CHECK(stage.count("would send ") >= 1);
    CHECK(stage.count("to 7 (start 7000)") == 0);
}

TEST_CASE("where the daemon would end, the replay ends") {
    Stage stage;
    stage.snapshot(7);
    stage.at(1s, death(7));
    stage.at(2h, task(8, "other"));
    stage.at(3h, task(9, "other"));
    auto rule = scanner();
    rule.restart = {};
    rule.escalate.action = EscalateAction::exit;
    rule.escalate.exit_code = 17;
    const auto summary = stage.play({rule});
    REQUIRE(summary.has_value());
    CHECK(summary->quit);
    CHECK(stage.count("would exit with code 17") == 1);
    CHECK(summary->length < 1h);
}

TEST_CASE("a broken line is left out with its number, and nothing else is lost") {
    Stage stage;
    stage.snapshot(7);
    stage.record += "garbage\n\n{\"t\":5,\"event\":\"birth\"}\n" + std::string(record_line_max + 1, 'x') + "\n";
    stage.at(1s, death(7));
    stage.record += "{\"t\":6"; // the recorder was killed while it wrote
    const auto summary = stage.play({scanner()});
    REQUIRE(summary.has_value());
    CHECK(summary->events == 4);
    CHECK(summary->broken == 4);
    const std::vector<std::string> expected{"5: not one line of valid JSON", "7: unknown event 'birth'",
                                            "8: longer than " + std::to_string(record_line_max) + " bytes",
                                            "10: not one line of valid JSON"};
    CHECK(stage.warnings == expected);
    CHECK(stage.count("would run") == 1);
}

TEST_CASE("stamps that are out of order are played in the order in which they stand") {
    Stage stage;
    stage.at(0s, SnapshotBegan{});
    stage.at(5s, task(7, "scand"));
    stage.at(4s, SnapshotEnded{});
    stage.at(3s, death(7));
    const auto summary = stage.play({scanner()});
    REQUIRE(summary.has_value());
    CHECK(summary->length == 5s);
    CHECK(stage.count("+5.000000000  would run") == 1);
}

TEST_CASE("what is no record is refused as a whole") {
    for (const auto* text : {"", "hello\n", "{\"t\":0,\"event\":\"snapshot_begin\"}\n"}) {
        Stage stage;
        stage.record = text;
        CHECK_FALSE(stage.play({scanner()}).has_value());
    }
}

TEST_CASE("a name out of the record can't command the terminal") {
    CHECK(replay_text(1s, Report{.incident = {.time = start, .rule = "a", .reason = "\x1b[2J\n"}})
          == "+1.000000000  a: exit: \\x1b[2J\\x0a");
    CHECK(replay_text(1s, Resync{.why = "lost"}).empty());
}
