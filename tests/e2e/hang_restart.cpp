// A hung process is alive: its successor never runs beside it.
#include "e2e/hang_stage.hpp"

#include <filesystem>

using namespace nezuban::test;

TEST_CASE("a stopped service is ended for good, and then its successor starts") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    Daemon daemon(hang_rule(name, "hang.stopped = \"1s\"\nhang.action = \"restart\"",
                            "restart.settle = \"0s\"\nrestart.kill_after = \"1s\"\nrestart.command = "
                                + command(detached(name, leash))));
    auto service = start_program("nzidle", {"--name", name});
    daemon.start();
    Events events(daemon);

    service.signal(SIGSTOP);

    const auto hang = events.await(name, "hang");
    CHECK(hang["pid"] == service.pid());
    const auto restart = events.await(name, "restart");
    CHECK(restart["attempt"] == 1);
    events.await(name, "recovered");
    CHECK(is_dead(service.pid()));
    const auto status = rule_status(daemon, name);
    CHECK(status["state"] == "ok");
    CHECK(status["findings"].empty());
    CHECK(only_pid(status) != service.pid());
    CHECK(count_of(daemon, name, "hang") == 1);
}

TEST_CASE("one that not even SIGKILL ends is escalated, and not doubled") {
    NEEDS_DAEMON();
    if (const auto why = why_no_frozen_disk(); !why.empty()) SKIP(why);
    // Given a service in a frozen file system
    const auto name = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    const auto words = detached(name, leash, {dir.file("started")});
    Daemon daemon(hang_rule(name, "hang.uninterruptible = \"1s\"\nhang.action = \"restart\"",
                            "restart.settle = \"0s\"\nrestart.kill_after = \"500ms\"\nrestart.timeout = \"1s\"\n"
                            "restart.delay = \"100ms\"\nrestart.attempts = 1\nrestart.command = "
                                + script(": >\"$1\"; shift; exec \"$@\"", words)));
    Actor freezer("nzstuck", {"fsfreeze", dir.path().string()}, name);
    const auto writer = freezer.said().at("writer").get<pid_t>();
    daemon.start();
    Events events(daemon);
    freezer.tell("freeze");
    freezer.tell("write");
    CHECK(events.await(name, "hang")["pid"] == writer);

    // when it can't be ended, then that is for others to decide,
    const auto escalated = events.await(name, "escalated");
    CAPTURE(escalated.dump());
    CHECK_FALSE(is_dead(writer));
    const auto status = rule_status(daemon, name);
    CHECK(only_pid(status) == writer);
    CHECK(daemon.ask({"health", name}).exit_code == 1);

    // and no second one was started.
    CHECK_FALSE(std::filesystem::exists(dir.file("started")));
    freezer.tell("thaw");
}
