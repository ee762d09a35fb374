#include "story.hpp"

using namespace nezuban;
using namespace nezuban::test;

namespace {

// A healthy scanner with a restart command.
struct Healthy : Story {
    explicit Healthy(RestartSpec restart = {}, EscalateSpec escalate = {}) : Story({spec(restart, escalate)}) {
        scanner = present("scand");
        snapshot();
        REQUIRE(wanted.empty());
    }
    static RuleSpec spec(RestartSpec restart, EscalateSpec escalate) {
        auto spec = restartable("scanner", "scand");
        restart.command = spec.restart.command;
        spec.restart = restart;
        spec.escalate = std::move(escalate);
        return spec;
    }
    std::vector<RunCommand> restarts() const {
        return commands("scanner: restart");
    }
    Identity scanner;
};

} // namespace

TEST_CASE("an exit tells its cause") {
    Healthy story;
    std::string reason;
    SUBCASE("an exit code") {
        story.exit(story.scanner, 3);
        reason = "pid 100 exited with code 3";
    }
    SUBCASE("a signal with a core and a sender") {
        story.die(story.scanner, {.signal = 11,
                                  .core = true,
                                  .known = true,
                                  .sender_pid = 77,
                                  .sender_uid = 5,
                                  .sender_signal = 11,
                                  .sender_comm = "bash"});
        reason = "pid 100 was killed by SIGSEGV (core dumped), sent by bash (pid 77, uid 5)";
    }
    SUBCASE("an exit after somebody's signal") {
        story.die(story.scanner, {.known = true, .sender_pid = 77, .sender_signal = 15, .sender_comm = "systemd"});
        reason = "pid 100 exited with code 0 after SIGTERM from systemd (pid 77, uid 0)";
    }
    SUBCASE("the OOM killer") {
        story.die(story.scanner, {.signal = 9, .oom = true, .known = true});
        reason = "pid 100 was killed by SIGKILL, chosen by the OOM killer";
    }
    const auto exits = story.told(Happening::exit);
    REQUIRE(exits.size() == 1);
    CHECK(exits[0].reason == reason);
    CHECK(exits[0].pid == story.scanner.pid);
    CHECK(exits[0].count == 0);
    REQUIRE(exits[0].cause.has_value());
    CHECK(exits[0].cause->known);
    CHECK(story.told(Happening::under)[0].reason == "0 running, at least 1 wanted; " + reason);
}

TEST_CASE("the restart command runs in the same turn as the exit, and is told why") {
    Healthy story;
    story.kill(story.scanner, 9);
    REQUIRE(story.restarts().size() == 1);
    const auto command = story.restarts()[0];
    CHECK(command.argv == Argv{"/usr/bin/restart-scanner"});
    CHECK(command.timeout == 60s);
    CHECK(variable(command, "NEZUBAN_RULE") == "scanner");
    CHECK(variable(command, "NEZUBAN_GROUP").empty());
    CHECK(variable(command, "NEZUBAN_EVENT") == "restart");
    CHECK(variable(command, "NEZUBAN_REASON") == "0 running, at least 1 wanted; pid 100 was killed by SIGKILL");
    CHECK(variable(command, "NEZUBAN_ATTEMPT") == "1");
    CHECK(variable(command, "NEZUBAN_COUNT") == "0");
    CHECK(story.told(Happening::restart)[0].attempt == 1);
}

TEST_CASE("each attempt waits until those whose end was told are gone for good, until one has mended it") {
    Healthy story;
    story.exit(story.scanner, 1);
    REQUIRE(story.restarts().size() == 1);
    CHECK(story.restarts()[0].after == std::vector<Identity>{story.scanner});

    // It may have been ended while it waited, because its time was over.
    story.command_ends(CommandEnded{.id = story.last_command().id, .timed_out = true});
    story.wait(30s);
    REQUIRE(story.restarts().size() == 2);
    CHECK(story.restarts()[1].after == std::vector<Identity>{story.scanner});

    story.command_ends(story.last_command());
    const auto successor = story.born("scand");
    story.wait(30s);
    story.exit(successor, 1);
    story.wait(30s);
    REQUIRE(story.restarts().size() == 3);
    CHECK(story.restarts()[2].after == std::vector<Identity>{successor});
}

TEST_CASE("it has recovered when it held for the settle time, and then nothing more happens") {
    Healthy story;
    story.exit(story.scanner);
    story.command_ends(story.last_command());
    story.wait(100ms);
    story.born("scand");
    story.wait(5s - 1ns);
    CHECK(story.told(Happening::recovered).empty());
    CHECK(story.state("scanner") == RuleState::restarting);
    CHECK_FALSE(story.of("scanner").failed);
    story.wait(1ns);
    CHECK(story.told(Happening::recovered).size() == 1);
    CHECK(story.state("scanner") == RuleState::ok);
    story.wait(1h);
    CHECK(story.told(Happening::recovered).size() == 1);
    CHECK(story.restarts().size() == 1);
    CHECK(story.of("scanner").attempts_used == 1);
}

TEST_CASE("falling out while settling is a failed attempt, and the next one follows") {
    Healthy story;
    story.exit(story.scanner);
    story.command_ends(story.last_command());
    const auto second = story.born("scand");
    story.wait(2s);
    story.exit(second, 7);
    CHECK(story.told(Happening::restart_failed)[0].reason == "it did not last: pid 101 exited with code 7");
    story.wait(2s);
    CHECK(story.restarts().size() == 2);
    CHECK(variable(story.last_command(), "NEZUBAN_ATTEMPT") == "2");
}

TEST_CASE("a command that fails is a failed attempt") {
    Healthy story;
    story.exit(story.scanner);
    const auto id = story.last_command().id;
    std::string reason;
    SUBCASE("by its exit code") {
        story.command_ends({.id = id, .exit_code = 4});
        reason = "the command exited with code 4";
    }
    SUBCASE("by its time-out") {
        story.command_ends({.id = id, .signal = 9, .timed_out = true});
        reason = "the command took too long and was ended";
    }
    SUBCASE("by a signal") {
        story.command_ends({.id = id, .signal = 15});
        reason = "the command was killed by SIGTERM";
    }
    SUBCASE("before it began") {
        story.command_ends({.id = id, .error = "no such file"});
        reason = "the command could not be started: no such file";
    }
    REQUIRE(story.told(Happening::restart_failed).size() == 1);
    CHECK(story.told(Happening::restart_failed)[0].reason == reason);
    CHECK(story.state("scanner") == RuleState::restarting);
    CHECK(story.of("scanner").next_at.has_value());
    CHECK(story.restarts().size() == 1);
    story.wait(1100ms);
    CHECK(story.restarts().size() == 2);
}

TEST_CASE("a command that succeeds without effect is a failed attempt after the settle time") {
    Healthy story;
    story.exit(story.scanner);
    story.command_ends(story.last_command());
    story.wait(5s - 1ns);
    CHECK(story.told(Happening::restart_failed).empty());
    story.wait(1ns);
    CHECK(story.told(Happening::restart_failed)[0].reason == "0 running 5.0 s after the command");
}

TEST_CASE("each attempt in a row waits twice as long as the one before, up to the limit") {
    Healthy story({.delay = 1s, .delay_max = 3s, .attempts = 5});
    story.exit(story.scanner);
    for (const Duration wanted : {1s, 2s, 3s, 3s}) {
        story.command_ends(story.last_command(), 1);
        const auto next = story.of("scanner").next_at;
        REQUIRE(next.has_value());
        CHECK(*next - story.now >= wanted * 9 / 10);
        CHECK(*next - story.now <= wanted * 11 / 10);
        story.wait(*next - story.now);
    }
    CHECK(story.restarts().size() == 5);
}

TEST_CASE("when the budget is spent the rule is exhausted, until the operator resets it") {
    Healthy story({.attempts = 2});
    story.exit(story.scanner, 3);
    story.command_ends(story.last_command(), 1);
    story.wait(2s);
    story.command_ends(story.last_command(), 1);
    CHECK(story.state("scanner") == RuleState::exhausted);
    CHECK(story.of("scanner").failed);
    REQUIRE(story.told(Happening::escalated).size() == 1);
    CHECK(story.all<Remember>().back().memory.exhausted);
    story.wait(48h);
    CHECK(story.restarts().size() == 2);

    // Latched: it stays failed although it is back.
    const auto back = story.born("scand");
    story.wait(1min);
    CHECK(story.state("scanner") == RuleState::exhausted);
    CHECK(story.of("scanner").failed);
    story.exit(back);
    CHECK(story.restarts().size() == 2);

    REQUIRE(story.engine.reset("scanner", story.now, story.wanted));
    CHECK(story.restarts().size() == 3);
    CHECK(story.of("scanner").attempts_used == 1);
    CHECK_FALSE(story.all<Remember>().back().memory.exhausted);
}

TEST_CASE("a rule that falls again and again spends its budget too, and says so") {
    Healthy story({.settle = 1s, .attempts = 2, .window = 1h}, {.action = EscalateAction::exit, .exit_code = 21});
    auto scanner = story.scanner;
    for (int i = 0; i < 2; ++i) {
        story.exit(scanner);
        story.wait(3s);
        scanner = story.born("scand");
        story.command_ends(story.last_command());
        story.wait(5s);
        CHECK(story.state("scanner") == RuleState::ok);
    }
    story.exit(scanner, 9);
    REQUIRE(story.told(Happening::escalated).size() == 1);
    const auto reason = story.told(Happening::escalated)[0].reason;
    CHECK(reason.find("2 restarts within 60 min are spent") != std::string::npos);
    CHECK(reason.find("exited with code 9") != std::string::npos);
    const auto quits = story.all<Quit>();
    REQUIRE(quits.size() == 1);
    CHECK(quits[0].exit_code == 21);
    CHECK(quits[0].why == "scanner: " + reason);
}

TEST_CASE("escalation by a command tells it why") {
    Healthy story({.attempts = 0}, {.action = EscalateAction::run, .command = {"/usr/bin/page-me"}});
    story.exit(story.scanner, 3);
    CHECK(story.restarts().empty());
    const auto pages = story.commands("scanner: escalate");
    REQUIRE(pages.size() == 1);
    CHECK(variable(pages[0], "NEZUBAN_EVENT") == "escalated");
    CHECK(variable(pages[0], "NEZUBAN_REASON").find("exited with code 3") != std::string::npos);
}

TEST_CASE("without a restart the escalation follows at once, once an incident, and latches nothing") {
    auto spec = rule("scanner", "scand");
    spec.escalate = {.action = EscalateAction::run, .command = {"/usr/bin/page-me"}};
    Story story({spec});
    story.snapshot();
    story.wait(1min);
    CHECK(story.commands("scanner: escalate").size() == 1);
    CHECK(story.state("scanner") == RuleState::under);
    CHECK(story.of("scanner").failed);
    const auto id = story.born("scand");
    story.wait(5s);
    CHECK(story.state("scanner") == RuleState::ok);
    CHECK_FALSE(story.of("scanner").failed);
    story.exit(id);
    CHECK(story.commands("scanner: escalate").size() == 2);
}

TEST_CASE("what comes back by itself while a restart waits is left alone") {
    Healthy story;
    story.exit(story.scanner);
    story.command_ends(story.last_command(), 1);
    story.wait(500ms);
    story.born("scand");
    CHECK(story.state("scanner") != RuleState::restarting);
    story.wait(5s);
    CHECK(story.told(Happening::recovered).size() == 1);
    CHECK(story.state("scanner") == RuleState::ok);
    CHECK(story.restarts().size() == 1);
}

TEST_CASE("after a healthy time the next restart is immediate again") {
    Healthy story({.forget = 10min});
    auto scanner = story.scanner;
    story.exit(scanner);
    story.wait(2s);
    scanner = story.born("scand");
    story.command_ends(story.last_command());
    Duration healthy = 11min;
    SUBCASE("that began with a restart") {}
    SUBCASE("that began by itself, while the next restart was waiting") {
        story.exit(scanner);
        scanner = story.born("scand");
    }
    SUBCASE("but not if it was too short") {
        healthy = 1min;
    }
    story.wait(healthy);
    REQUIRE(story.state("scanner") == RuleState::ok);
    CHECK(story.all<Remember>().back().memory.streak == (healthy > 10min ? 0 : 1));
    story.exit(scanner);
    CHECK(story.restarts().size() == (healthy > 10min ? 2 : 1));
    CHECK(story.of("scanner").attempts_used == story.restarts().size());
}
