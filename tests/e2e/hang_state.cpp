// Threads that can't run: in D, stopped, held by a debugger; and those that may not, which is nobody's hang.
#include "e2e/hang_stage.hpp"

using namespace nezuban::test;

TEST_CASE("a thread in D is told with its stack and system call, and when it is over with how long it was") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const Later later;
    Daemon daemon(later.rule() + hang_rule(name, "hang.uninterruptible = \"1s\""));
    daemon.start();
    Events events(daemon);

    // When a thread waits for its vforked child
    Actor stuck("nzstuck", {"vfork"}, name);

    // then it is told, once,
    const auto hang = events.await(name, "hang");
    CAPTURE(hang.dump());
    CHECK(hang["pid"] == stuck.pid());
    const auto& evidence = hang.at("evidence");
    CHECK(evidence.at("tid") == stuck.said().at("tid"));
    CHECK(evidence.at("comm") == "vforker");
    CHECK(evidence.at("state") == "D");
    if (have_programs()) CHECK(evidence.at("killable") == true);
    CHECK(evidence.at("off_cpu_s").get<double>() > 0.0);
    CHECK(evidence.at("syscall").get<std::string>().find("vfork") != std::string::npos);
    CHECK_FALSE(evidence.at("kernel_stack").empty());
    const auto status = rule_status(daemon, name);
    CHECK(status["state"] == "hung");
    CHECK(status["findings"].at(0).at("kind") == "uninterruptible");
    later.come(events);
    CHECK(count_of(daemon, name, "hang") == 1);

    // and when the child ends, too.
    stuck.tell("release");
    CHECK(says_how_long(events.await(name, "recovered")));
    CHECK(rule_status(daemon, name)["state"] == "ok");
}

TEST_CASE("who sits in a frozen file system is told with file and device, and that SIGKILL can't end it") {
    NEEDS_DAEMON();
    if (const auto why = why_no_frozen_disk(); !why.empty()) SKIP(why);
    const auto name = fresh_name();
    const TempDir dir;
    Daemon daemon(hang_rule(name, "hang.uninterruptible = \"1s\""));
    Actor freezer("nzstuck", {"fsfreeze", dir.path().string()}, name);
    daemon.start();
    Events events(daemon);

    freezer.tell("freeze");
    freezer.tell("write");

    const auto hang = events.await(name, "hang");
    CAPTURE(hang.dump());
    CHECK(hang["pid"] == freezer.said().at("writer"));
    const auto& evidence = hang.at("evidence");
    if (have_programs()) CHECK(evidence.at("killable") == false);
    CHECK(evidence.at("syscall").get<std::string>().find("write") != std::string::npos);
    CHECK_FALSE(evidence.at("kernel_stack").empty());
    const auto object = evidence.at("object").get<std::string>();
    CHECK(object.find("file") != std::string::npos);
    CHECK(object.find("loop") != std::string::npos);
    const auto device = evidence.value("device", "");
    CHECK(device.substr(0, 4) == (have_programs() ? "loop" : ""));
    CHECK((device.find("), ext4 on " + dir.path().string()) != std::string::npos) == have_programs());

    freezer.tell("thaw");
    CHECK(says_how_long(events.await(name, "recovered")));
}

TEST_CASE("a stopped process is told with who stopped it") {
    NEEDS_DAEMON();
    NEEDS_PROGRAMS("who stopped a process");
    const auto name = fresh_name();
    const Later later;
    Daemon daemon(later.rule() + hang_rule(name, "hang.stopped = \"1s\""));
    auto service = start_program("nzidle", {"--name", name});
    daemon.start();
    Events events(daemon);

    service.signal(SIGSTOP);

    const auto hang = events.await(name, "hang");
    CAPTURE(hang.dump());
    CHECK(hang["pid"] == service.pid());
    const auto& evidence = hang.at("evidence");
    CHECK(evidence.at("state") == "T");
    CHECK(evidence.at("signal") == "SIGSTOP");
    CHECK(evidence.at("sender_pid") == ::getpid());
    CHECK(evidence.at("sender_comm") == "test_e2e");
    later.come(events);
    CHECK(count_of(daemon, name, "hang") == 1);

    service.signal(SIGCONT);
    CHECK(says_how_long(events.await(name, "recovered")));
}

TEST_CASE("who was stopped before the watch began is told all the same, and nobody is accused") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(hang_rule(name, "hang.stopped = \"1s\""));
    Actor stopped("nzstuck", {"stopped"}, name);
    daemon.start();
    Events events(daemon);

    const auto hang = events.await(name, "hang");

    CAPTURE(hang.dump());
    CHECK(hang["pid"] == stopped.pid());
    CHECK(hang.at("evidence").at("state") == "T");
    CHECK_FALSE(hang.at("evidence").contains("sender_pid"));
    stopped.child().signal(SIGCONT);
    CHECK(says_how_long(events.await(name, "recovered")));
}

TEST_CASE("a process that a debugger holds is told as that, and never restarted") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const Later later;
    Daemon daemon(
        later.rule()
        + hang_rule(name, "hang.stopped = \"1s\"\nhang.action = \"restart\"", "restart.command = [\"true\"]"));
    auto service = start_program("nzidle", {"--name", name});
    daemon.start();
    Events events(daemon);

    Debugger debugger(service.pid());

    const auto hang = events.await(name, "hang");
    CAPTURE(hang.dump());
    CHECK(hang["pid"] == service.pid());
    const auto& evidence = hang.at("evidence");
    CHECK(evidence.at("state") == "t");
    CHECK(evidence.at("tracer_pid") == ::getpid());
    CHECK(evidence.at("tracer_comm") == "test_e2e");
    later.come(events);
    CHECK(count_of(daemon, name, "restart") == 0);
    CHECK_FALSE(is_dead(service.pid()));

    debugger.let_go();
    CHECK(says_how_long(events.await(name, "recovered")));
}

TEST_CASE("what its cgroup has frozen does not hang") {
    NEEDS_DAEMON();
    if (!FreezerGroup::possible()) SKIP("no cgroup v1 freezer");
    // Given an idle process and a sleeping one, in a cgroup of their own
    const auto name = fresh_name();
    const Later later;
    Daemon daemon(later.rule()
                  + hang_rule(name, "hang.uninterruptible = \"1s\"\nhang.stopped = \"1s\"\nhang.deadlock = true\n"
                                    "hang.lock_wait = \"1s\"\nhang.unserved = \"1s\""));
    auto idle = start_program("nzidle", {"--name", name});
    Actor sleeper("nzstuck", {"sleeper"}, name);
    const FreezerGroup group(name);
    group.add(idle.pid());
    group.add(sleeper.pid());
    daemon.start();
    Events events(daemon);

    group.freeze();
    later.come(events);
    later.come(events);

    CHECK(count_of(daemon, name, "hang") == 0);
    CHECK(rule_status(daemon, name)["findings"].empty());
}
