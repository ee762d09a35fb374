// What the log says, and what nobody can make it say.
#include "e2e/stage.hpp"

#include <algorithm>
#include <csignal>
#include <sstream>

using namespace nezuban::test;

TEST_CASE("a log for machines is JSON, line by line, with the incidents whole") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(rule(name, "restart.attempts = 1\nrestart.settle = \"0s\"\nrestart.command = "
                                 + script("echo 'it says \"no\"'; exit 7")),
                  "log = { level = \"info\", format = \"json\" }");
    daemon.start();
    Events events(daemon);
    events.await(name, "escalated");
    daemon.stop();
    await_scribe(daemon);

    bool said = false;
    bool incident = false;
    std::string line;
    for (std::istringstream lines(daemon.log()); std::getline(lines, line);) {
        CAPTURE(line);
        const auto entry = json::parse(line);
        for (const auto* key : {"time", "level", "message"})
            CHECK(entry.contains(key));
        said = said || entry["message"].get<std::string>().find("it says \"no\"") != std::string::npos;
        incident = incident || (entry.contains("incident") && entry["incident"]["event"] == "restart_failed");
    }
    CHECK(said);
    CHECK(incident);
}

TEST_CASE("whoever names a process writes neither to a terminal nor lines of his own") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const auto tag = name + "-one";
    const std::string hostile = "\x1b[2J\"\\\xff|";
    Daemon daemon("[[process]]\nname = \"" + name + "\"\nmatch.args = [\"" + tag + "\"]\n");
    auto service = start_program("nzidle", {tag});
    service.ask("rename " + hostile);
    daemon.start();
    Events events(daemon);

    const auto matched = daemon.ask({"match"});
    service.send("raise " + std::to_string(SIGKILL)); // sent by himself, so his name is in the reason

    const auto exit = events.await(name, "exit");
    CHECK(exit["cause"]["sender_comm"].get<std::string>().starts_with("\x1b[2J\"\\"));
    events.await(name, "under");
    await_log(daemon, name + ": under");
    for (const auto& text : {matched.out, daemon.ask({"status"}).out, daemon.ask({"events"}).out, daemon.log(),
                             daemon.ask({"health", "--style=nagios"}).out}) {
        CAPTURE(text);
        CHECK(text.find('\x1b') == std::string::npos);
        CHECK(text.find(name) != std::string::npos);
    }
    CHECK(json::accept(daemon.ask({"status", "--json"}).out));
    CHECK(json::accept(daemon.ask({"match", "--json"}).out));
}
