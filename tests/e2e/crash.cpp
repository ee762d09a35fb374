// The daemon or a helper of it is killed at a bad moment: nothing is forgotten and nothing healthy is touched.
#include "e2e/stage.hpp"

#include <csignal>
#include <cstdlib>
#include <fstream>

using namespace nezuban::test;

TEST_CASE("killed while all is well: the next daemon restarts nothing") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(rule(name, "restart.command = [\"/bin/false\"]"));
    auto service = start_program("nzidle", {"--name", name});

    for (int time = 0; time < 3; ++time) {
        daemon.start();
        const auto status = rule_status(daemon, name);
        CHECK(status["state"] == "ok");
        CHECK(only_pid(status) == service.pid());
        CHECK(status["restart"]["attempts_used"] == 0);
        CHECK(daemon.stop(SIGKILL).signal == SIGKILL);
    }

    daemon.start();
    CHECK(count_of(daemon, name, "under") == 0);
    CHECK(count_of(daemon, name, "restart") == 0);
}

TEST_CASE("killed while a restart is under way: its command goes on, and the attempt is not forgotten") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    Mailbox gate(dir.file("gate"));
    Mailbox mail(dir.file("mail"));
    const auto words = detached(name, leash, {mail.path(), gate.path()});
    Daemon daemon(rule(name, "restart.settle = \"0s\"\nrestart.command = "
                                 + script("echo begun >$1; exec >$1; read -r word <$2; shift 2; exec \"$@\"", words)));
    daemon.start();
    CHECK(mail.next() == "begun");

    daemon.stop(SIGKILL);
    // The command hears of nothing, and its service comes up.
    std::ofstream(gate.path()) << "go on\n" << std::flush;
    const auto pid = number_in(mail.next(), "pid");
    daemon.start();

    const auto status = rule_status(daemon, name);
    CHECK(status["state"] == "ok");
    CHECK(only_pid(status) == pid);
    CHECK(status["restart"]["attempts_used"] == 1);
    CHECK(count_of(daemon, name, "restart") == 1);
}

TEST_CASE("killed while the next attempt waits for its time: it waits again instead of trying at once") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(rule(name, "restart.command = [\"/bin/false\"]\nrestart.settle = \"0s\"\n"
                             "restart.delay = \"1h\"\nrestart.delay_max = \"2h\""));
    daemon.start();
    Events events(daemon);
    events.await(name, "restart_failed");
    CHECK_FALSE(rule_status(daemon, name)["restart"]["next_at"].is_null());

    daemon.stop(SIGKILL);
    daemon.start();

    const auto status = rule_status(daemon, name);
    CHECK(status["state"] == "restarting");
    CHECK(status["restart"]["attempts_used"] == 1);
    CHECK_FALSE(status["restart"]["next_at"].is_null());
    CHECK(count_of(daemon, name, "restart") == 1);
}

TEST_CASE("pauses survive the daemon's death, and end only by resume") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const auto timed = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    Daemon daemon(rule(name, "restart.command = " + command(detached(name, leash)) + "\nrestart.settle = \"0s\"")
                  + rule(timed));
    auto service = start_program("nzidle", {"--name", name});
    daemon.start();
    CHECK(daemon.ask({"pause", name}).exit_code == 0);
    CHECK(daemon.ask({"pause", timed, "--for", "1h"}).exit_code == 0);
    const auto until = rule_status(daemon, timed)["paused_until"];

    daemon.stop(SIGKILL);
    service.signal(SIGKILL);
    service.wait();
    daemon.start();

    CHECK(rule_status(daemon, name)["state"] == "paused");
    CHECK(rule_status(daemon, name)["paused_until"].is_null());
    const auto still = rule_status(daemon, timed)["paused_until"];
    CHECK(rule_status(daemon, timed)["state"] == "paused");
    const auto apart = nanoseconds_of({{"time", still}}) - nanoseconds_of({{"time", until}});
    CHECK(std::abs(apart) < 1'000'000'000);
    CHECK(count_of(daemon, name, "restart") == 0);

    Events events(daemon);
    CHECK(daemon.ask({"resume", name}).exit_code == 0);
    events.await(name, "recovered");
    CHECK(rule_status(daemon, name)["state"] == "ok");
}

TEST_CASE("what was told before the daemon was killed is in the history") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(rule(name, "count.min = 0"));
    daemon.start();

    for (int time = 0; time < 10; ++time) {
        REQUIRE(daemon.ask({"pause", name}).exit_code == 0);
        REQUIRE(daemon.ask({"resume", name}).exit_code == 0);
    }
    daemon.stop(SIGKILL);
    daemon.start(); // not before the old scribe has ended

    CHECK(count_of(daemon, name, "paused") == 10);
    CHECK(count_of(daemon, name, "resumed") == 10);
}

TEST_CASE("a scribe that is killed is replaced, and the history goes on without a gap") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(rule(name, "count.min = 0"));
    daemon.start();
    Events events(daemon);
    events.await("", "daemon_start");

    for (int time = 0; time < 2; ++time) {
        ::kill(await_helper(daemon, "nezuban-scribe"), SIGKILL);
        CHECK(daemon.ask({"pause", name}).exit_code == 0);
        CHECK(daemon.ask({"resume", name}).exit_code == 0);
        events.await(name, "paused");
        events.await(name, "resumed");
    }
    CHECK(count_of(daemon, name, "paused") == 2);
    CHECK(daemon.stop().exit_code == 0);
    events.await("", "daemon_stop");
}

TEST_CASE("a spawner that is killed is replaced by the next restart") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    Daemon daemon(rule(name, "restart.command = " + command(detached(name, leash))
                                 + "\nrestart.settle = \"0s\"\nrestart.delay = \"10ms\""));
    auto service = start_program("nzidle", {"--name", name});
    daemon.start();
    Events events(daemon);

    ::kill(await_helper(daemon, "nezuban-spawner"), SIGKILL);
    service.signal(SIGKILL);

    events.await(name, "recovered");
    CHECK(rule_status(daemon, name)["state"] == "ok");
}
