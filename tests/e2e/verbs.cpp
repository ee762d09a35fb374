// The verbs that need no daemon, as a user runs them.
#include "e2e/stage.hpp"

#include <csignal>
#include <sstream>

#include <fcntl.h>
#include <sys/stat.h>

using namespace nezuban::test;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::string line;
    for (std::istringstream in(text); std::getline(in, line);)
        lines.push_back(line);
    return lines;
}

bool mentions(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("check: all problems at once, or one line that all is well") {
    Daemon daemon("[[process]]\nname = \"a\"\nmatch.comm = \"nze2e-a\"\n");
    auto answer = daemon.ask({"check"});
    CHECK(answer.exit_code == 0);
    CHECK(mentions(answer.out, "1 rule,"));
    CHECK(answer.errors.empty());
    answer = daemon.ask({"check", "--json"});
    CHECK(answer.exit_code == 0);
    CHECK(json::parse(answer.out) == json::array());

    daemon.configure("[[process]]\nname = \"a\"\nmach.comm = \"x\"\ncount.min = -1\n");
    answer = daemon.ask({"check"});
    CHECK(answer.exit_code == 2);
    CHECK(lines_of(answer.errors).size() >= 2);
    for (const auto& line : lines_of(answer.errors))
        CHECK(line.starts_with(daemon.config() + ":"));
    CHECK(mentions(answer.errors, "hint"));
    answer = daemon.ask({"check", "--json"});
    CHECK(answer.exit_code == 2);
    const auto problems = json::parse(answer.out);
    CHECK(problems.size() >= 2);
    CHECK(problems[0]["line"] == 7);
    CHECK(problems[0]["level"] == "error");
}

TEST_CASE("match: who is meant, right now") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const auto nobody = fresh_name();
    const Daemon daemon(rule(name, "count.max = 1") + rule(nobody));
    auto one = start_program("nzidle", {"--name", name});
    auto two = start_program("nzidle", {"--name", name, "an", "argument"});

    auto answer = daemon.ask({"match"});
    CHECK(answer.exit_code == 0);
    CHECK(mentions(answer.out, name + ": 2 running"));
    CHECK(mentions(answer.out, "OVER"));
    CHECK(mentions(answer.out, nobody + ": 0 running"));
    CHECK(mentions(answer.out, "UNDER"));

    answer = daemon.ask({"match", name, "--json"});
    CHECK(answer.exit_code == 0);
    const auto rules = json::parse(answer.out)["rules"];
    REQUIRE(rules.size() == 1);
    CHECK(rules[0]["name"] == name);
    CHECK(rules[0]["count"] == 2);
    CHECK(rules[0]["min"] == 1);
    CHECK(rules[0]["max"] == 1);
    REQUIRE(rules[0]["processes"].size() == 2);
    const auto& second = rules[0]["processes"][1];
    CHECK(second["pid"] == two.pid());
    CHECK(second["comm"] == name);
    CHECK(second["user"] == "root");
    CHECK(second["start_time_ns"] >= rules[0]["processes"][0]["start_time_ns"]);
    CHECK(second["args"] == json::array({program("nzidle"), "--name", name, "an", "argument"}));

    CHECK(daemon.ask({"match", "nze2e-nobody"}).exit_code == 1);
}

TEST_CASE("match: a configuration with errors is none") {
    const Daemon daemon("[[process]]\nname = 3\n");
    const auto answer = daemon.ask({"match"});
    CHECK(answer.exit_code == 2);
    CHECK(mentions(answer.errors, daemon.config() + ":6:"));
}

TEST_CASE("doctor: what the kernel offers and what we cost, with a daemon and without") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(rule(name, "count.min = 0"));

    auto answer = daemon.ask({"doctor", "--for", "200ms", "--json"});
    auto found = json::parse(answer.out);
    CHECK(answer.exit_code == 1);
    CHECK(found["daemon"].is_null());
    CHECK(mentions(found["to_mend"].dump(), "no daemon"));
    CHECK(found["mode"] == "bpf");
    CHECK(found["programs"].size() >= 5);
    for (const auto& feature : found["features"])
        if (feature["required"] == true) CHECK(feature["present"] == true);
    CHECK(mentions(found["features"].dump(), "bpf_task_pt_regs"));

    daemon.start();
    answer = daemon.ask({"doctor", "--for", "200ms", "--json"});
    found = json::parse(answer.out);
    CHECK(answer.exit_code == 0);
    CHECK(found["daemon"]["pid"] == daemon.child().pid());
    CHECK(found["to_mend"] == json::array());
    answer = daemon.ask({"doctor", "--for", "200ms"});
    CHECK(answer.exit_code == 0);
    CHECK(mentions(answer.out, "nothing to mend"));
}

TEST_CASE("doctor: what is attached only now and then, and what looking for hangs costs") {
    NEEDS_DAEMON();
    const Daemon daemon(rule(fresh_name(), "count.min = 0"));
    const auto found = json::parse(daemon.ask({"doctor", "--for", "300ms", "--json"}).out);
    if (mentions(found["to_mend"].dump(), "hang.silent is not watched")) SKIP("this kernel can't track stalls");
    std::size_t of_switches = 0;
    for (const auto& program : found["programs"]) {
        const bool always = program["attached_while"].is_null();
        CHECK(always == (program["hook"] != "sched_switch" && program["hook"] != "sys_enter"));
        if (program["program"] != "handle_switch") continue;
        ++of_switches;
        CHECK(program["runs"] > 0);
    }
    CHECK(of_switches == 2);
    const auto& scan = found["wait_scan"];
    CHECK(scan["threads"] > 0);
    CHECK(scan["thread_ms"] > 0);
    CHECK(scan["thread_every_s"] >= 0.5);
    CHECK(scan["share_percent"] > 0);
    CHECK(scan["share_percent"] < 1.1);

    // As often as the configuration asks for, at most.
    const Daemon patient(rule(fresh_name(), "count.min = 0"), "scan = \"1h\"");
    CHECK(mentions(patient.ask({"doctor", "--for", "60ms"}).out, "every 3600.0 s"));
}

TEST_CASE("events: all, the last ones, of one rule, since a time") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const auto other = fresh_name();
    Daemon daemon(rule(name, "count.min = 0") + rule(other, "count.min = 0"));
    auto answer = daemon.ask({"events"});
    CHECK(answer.exit_code == 1);
    CHECK(mentions(answer.errors, "no history"));

    daemon.start();
    for (const auto& rule : {name, other})
        REQUIRE(daemon.ask({"pause", rule}).exit_code == 0);
    daemon.stop();
    await_scribe(daemon);

    // It is read while nobody is there who wrote it.
    const auto all = lines_of(daemon.ask({"events", "--json"}).out);
    REQUIRE(all.size() == 4);
    CHECK(json::parse(all.front())["event"] == "daemon_start");
    CHECK(json::parse(all.back())["event"] == "daemon_stop");
    for (const auto& line : all) {
        const auto event = json::parse(line);
        for (const auto* key : {"time", "rule", "event", "pid", "reason", "cause", "evidence"})
            CHECK(event.contains(key));
        nanoseconds_of(event);
    }
    CHECK(lines_of(daemon.ask({"events", "--json", "-n", "2"}).out)
          == std::vector<std::string>(all.begin() + 2, all.end()));
    const auto of_one = lines_of(daemon.ask({"events", "--rule", other}).out);
    REQUIRE(of_one.size() == 1);
    CHECK(mentions(of_one[0], other + ": paused"));
    CHECK(lines_of(daemon.ask({"events", "--since", "1h"}).out).size() == 4);
    const auto third = json::parse(all[2])["time"].get<std::string>();
    CHECK(lines_of(daemon.ask({"events", "--since", third}).out).size() == 2);
    CHECK(daemon.ask({"events", "--since", "yesterdayish"}).exit_code == 2);
}

TEST_CASE("record and replay: what would have been done about a death") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const TempDir dir;
    const Daemon daemon(rule(name, "restart.command = [\"/bin/true\", \"" + name + "\"]"));
    auto service = start_program("nzidle", {"--name", name});
    // Given a record that is followed as it is written
    const auto pipe = dir.file("pipe");
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    LineReader reader(Fd(::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)));
    Child record({nezuban_binary(), "record", pipe}, {.own_errors = true});
    std::string text;
    const auto read_until = [&](const std::string& part) {
        for (;;) {
            const auto line = reader.next(after());
            REQUIRE(line);
            text += *line + "\n";
            if (mentions(*line, part)) return;
        }
    };
    read_until("\"snapshot_end\"");

    // with the death of a service in it,
    service.signal(SIGKILL);
    const auto pid = service.pid();
    service.wait();
    read_until("\"pid\":" + std::to_string(pid));
    record.signal(SIGINT);
    text += reader.rest(after());
    const auto said = record.errors().rest(after());
    CHECK(record.wait().exit_code == 0);
    CHECK(mentions(said, " 0 lost"));
    const auto file = dir.write("record", text);

    // when it is replayed with a configuration, then it says what that would have done.
    auto answer = daemon.ask({"replay", file});
    CAPTURE(answer.errors);
    CHECK(answer.exit_code == 0);
    CHECK(mentions(answer.out, name + ": exit: pid " + std::to_string(pid) + " was killed by SIGKILL"));
    CHECK(mentions(answer.out, "would run [/bin/true " + name + "] (" + name + ": restart)"));

    answer = daemon.ask({"replay", file, "--json"});
    CHECK(answer.exit_code == 0);
    std::vector<std::string> told;
    for (const auto& line : lines_of(answer.out)) {
        const auto event = json::parse(line);
        if (event["rule"] == name) told.push_back(event["event"].get<std::string>());
    }
    REQUIRE(told.size() >= 3);
    CHECK(std::vector<std::string>(told.begin(), told.begin() + 3)
          == std::vector<std::string>{"exit", "under", "restart"});
}

TEST_CASE("replay and record say what they can't do") {
    NEEDS_DAEMON();
    const TempDir dir;
    const Daemon daemon("");
    CHECK(daemon.ask({"replay", dir.file("none")}).exit_code == 1);
    CHECK(daemon.ask({"replay", dir.write("text", "not a record\n")}).exit_code == 1);
    CHECK(daemon.ask({"record", dir.file("no/such/folder")}).exit_code == 1);
    CHECK(daemon.ask({"record"}).exit_code == 2);
}
