// The main job: a service is gone, and back.
#include "e2e/stage.hpp"

#include <csignal>
#include <set>

using namespace nezuban::test;

TEST_CASE("a service that is killed is back, and the history says who did it") {
    NEEDS_DAEMON();
    NEEDS_PROGRAMS("who sent a signal");
    // Given a service that runs when the watch begins
    const auto name = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    Daemon daemon(rule(name, "restart.command = " + command(detached(name, leash)) + "\nrestart.settle = \"0s\""));
    auto service = start_program("nzidle", {"--name", name});
    daemon.start();
    const auto before = rule_status(daemon, name);
    CHECK(before["state"] == "ok");
    CHECK(only_pid(before) == service.pid());
    Events events(daemon);

    // when somebody kills it
    service.signal(SIGKILL);

    // then all of it is told, in order
    const auto exit = events.await(name, "exit");
    CHECK(exit["pid"] == service.pid());
    CHECK(exit["cause"]["signal"] == "SIGKILL");
    CHECK(exit["cause"]["exit_code"].is_null());
    CHECK(exit["cause"]["core"] == false);
    CHECK(exit["cause"]["oom"] == false);
    CHECK(exit["cause"]["sender_pid"] == ::getpid());
    CHECK(exit["cause"]["sender_comm"] == "test_e2e");
    const auto under = events.await(name, "under");
    CHECK(under["reason"].get<std::string>().find("SIGKILL") != std::string::npos);
    CHECK(events.await(name, "restart")["attempt"] == 1);
    const auto recovered = events.await(name, "recovered");
    CHECK(nanoseconds_of(exit) <= nanoseconds_of(recovered));

    // and another one is there.
    const auto after_it = rule_status(daemon, name);
    CHECK(after_it["state"] == "ok");
    CHECK(only_pid(after_it) != service.pid());
    CHECK(after_it["restart"]["attempts_used"] == 1);
    CHECK(daemon.stop().exit_code == 0);
    CHECK(::kill(only_pid(after_it), 0) == 0);
}

TEST_CASE("a successor finds the locks of the one before free, however long that one takes to let go of its memory") {
    NEEDS_DAEMON();
    // Given a service that holds a lock, and much that the kernel has to clear away first
    const auto name = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    Mailbox mail(dir.file("mail"));
    const auto words = detached(name, leash, {mail.path(), dir.file("lock")});
    Daemon daemon(rule(name, "restart.settle = \"0s\"\nrestart.command = "
                                 + script("if flock -n \"$2\" true; then echo free; else echo taken; fi >\"$1\"; "
                                          "shift 2; exec \"$@\"",
                                          words)));
    auto service = start_program("nzidle", {"--name", name});
    service.ask("hold 600 " + dir.file("lock"));
    daemon.start();
    Events events(daemon);

    // when it is killed
    service.signal(SIGKILL);

    // then its successor gets the lock.
    CHECK(mail.next() == "free");
    events.await(name, "recovered");
}

TEST_CASE("a service that ends by itself is told with its exit code") {
    NEEDS_DAEMON();
    NEEDS_EVENTS();
    const auto name = fresh_name();
    Daemon daemon(rule(name));
    auto service = start_program("nzidle", {"--name", name});
    daemon.start();
    Events events(daemon);

    service.send("exit 3");

    const auto exit = events.await(name, "exit");
    CHECK(exit["cause"]["exit_code"] == 3);
    CHECK(exit["cause"]["signal"].is_null());
    CHECK(exit["cause"]["sender_pid"].is_null());
    // Without a restart command it is failed at once.
    events.await(name, "under");
    CHECK(rule_status(daemon, name)["failed"] == true);
    CHECK(daemon.ask({"health", name}).exit_code == 1);
}

TEST_CASE("a restart command is told why it runs, and nothing that is the daemon's alone") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const auto group = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    Mailbox mail(dir.file("mail"));
    const auto words = detached(name, leash, {mail.path()});
    Daemon daemon(rule(name, "restart.settle = \"0s\"\nrestart.command = "
                                 + script("{ env; echo end; } >\"$1\"; shift; exec \"$@\"", words))
                  + "[[group]]\nname = \"" + group + "\"\nmembers = [\"" + name + "\"]\n");
    daemon.start();
    Events events(daemon);

    std::set<std::string> environment;
    for (auto line = mail.next(); line != "end"; line = mail.next())
        environment.insert(line);

    CHECK(environment.contains("NEZUBAN_RULE=" + name));
    CHECK(environment.contains("NEZUBAN_GROUP=" + group));
    CHECK(environment.contains("NEZUBAN_EVENT=restart"));
    CHECK(environment.contains("NEZUBAN_PID="));
    CHECK(environment.contains("NEZUBAN_ATTEMPT=1"));
    CHECK(environment.contains("NEZUBAN_COUNT=0"));
    for (const auto& line : environment) {
        CHECK_FALSE(line.starts_with("NOTIFY_SOCKET="));
        CHECK(line != "NEZUBAN_REASON=");
    }
    events.await(name, "recovered");
    CHECK(status_of(daemon)["groups"][0]["state"] == "ok");
}

TEST_CASE("a notify command gets every change of state as JSON") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    Mailbox mail(dir.file("mail"));
    Daemon daemon(rule(name, "restart.command = " + command(detached(name, leash)) + "\nrestart.settle = \"0s\"\n"
                                 + "notify.command = " + script("exec cat >\"$1\"", {mail.path()})));
    daemon.start();

    // They run side by side: any order will do.
    std::set<std::string> told;
    for (int i = 0; i < 3; ++i) {
        const auto message = json::parse(mail.next());
        CHECK(message["rule"] == name);
        CHECK(message["reason"].get<std::string>() != "");
        told.insert(message["event"].get<std::string>());
    }
    CHECK(told == std::set<std::string>{"under", "restart", "recovered"});
}

TEST_CASE("a service that is configured but was never started is an incident, and is started") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    Daemon daemon(rule(name, "restart.command = " + command(detached(name, leash)) + "\nrestart.settle = \"0s\""));
    daemon.start();
    Events events(daemon);

    CHECK(events.await(name, "under")["count"] == 0);
    events.await(name, "recovered");
    CHECK(rule_status(daemon, name)["count"] == 1);
}

TEST_CASE("one of several is missing: the others are left alone") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    Daemon daemon(
        rule(name, "count.min = 3\nrestart.command = " + command(detached(name, leash)) + "\nrestart.settle = \"0s\""));
    auto services = start_program("nzsleepers", {"3", "--name", name});
    daemon.start();
    Events events(daemon);
    const auto before = rule_status(daemon, name)["pids"].get<std::vector<pid_t>>();
    REQUIRE(before.size() == 3);

    ::kill(before[1], SIGKILL);

    CHECK(events.await(name, "under")["count"] == 2);
    events.await(name, "recovered");
    const auto now = rule_status(daemon, name)["pids"].get<std::vector<pid_t>>();
    REQUIRE(now.size() == 3);
    CHECK(now[0] == before[0]);
    CHECK(now[1] == before[2]);
}

TEST_CASE("a short absence is none with count.for") {
    NEEDS_DAEMON();
    const auto patient = fresh_name();
    const auto strict = fresh_name();
    Daemon daemon(rule(patient, "count.for = \"1h\"") + rule(strict, "count.for = \"300ms\""));
    auto first = start_program("nzidle", {"--name", patient});
    auto second = start_program("nzidle", {"--name", strict});
    daemon.start();
    Events events(daemon);

    first.signal(SIGKILL);
    second.signal(SIGKILL);

    // The one is an incident when its time is over, not before ...
    const auto under = events.await(strict, "under");
    for (const auto& line : events.seen()) {
        const auto event = json::parse(line);
        if (event["rule"] == strict && event["event"] == "exit")
            CHECK(nanoseconds_of(under) - nanoseconds_of(event) >= 300'000'000);
        CHECK_FALSE((event["rule"] == patient && event["event"] == "under"));
    }
    // ... the other still has an hour.
    const auto status = rule_status(daemon, patient);
    CHECK(status["state"] == "ok");
    CHECK(status["count"] == 0);
    CHECK(status["failed"] == false);
}
