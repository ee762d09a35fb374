// Every way to die, and who did it.
#include "live/lab.hpp"

#include <csignal>

using namespace nezuban;
using namespace nezuban::test;

TEST_CASE("an exit tells its code") {
    NEEDS_BPF();
    Lab lab({rule_of("x", {.comm = "nzlive-x"})});
    auto child = start_program("nzidle", {"--name", "nzlive-x"});
    lab.await_counted(child.pid());

    child.send("exit 3");

    const auto exit = lab.await_exit(child.pid());
    CHECK(exit.cause == Cause{.exit_code = 3, .known = true});
    CHECK(lab.pids().empty());
}

TEST_CASE("a kill tells its sender: pid, name and user") {
    NEEDS_BPF();
    Lab lab({});
    for (const int signal : {SIGKILL, SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGALRM, SIGRTMIN + 3}) {
        auto victim = start_program("nzidle", {"--name", "nzlive-v"});
        Child killer({"/bin/sh", "-c", "kill -" + std::to_string(signal) + " " + std::to_string(victim.pid())});
        const auto sender = static_cast<std::uint32_t>(killer.pid());

        const auto exit = lab.await_exit(victim.pid());

        INFO(signal);
        CHECK(exit.cause.signal == signal);
        CHECK(exit.cause.sender_signal == signal);
        CHECK(exit.cause.sender_pid == sender);
        CHECK(exit.cause.sender_comm == "sh");
        CHECK(exit.cause.sender_uid == 0);
        killer.wait();
    }
}

TEST_CASE("a process that ends itself upon SIGTERM tells its code and who asked") {
    NEEDS_BPF();
    Lab lab({});
    Child victim({"/bin/sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do read -r line || exit 6; done"});
    REQUIRE(victim.read_line() == "ready");

    victim.signal(SIGTERM);
    victim.send("wake up");

    const auto exit = lab.await_exit(victim.pid());
    CHECK(exit.cause.signal == 0);
    CHECK(exit.cause.exit_code == 5);
    CHECK(exit.cause.sender_signal == SIGTERM);
    CHECK(exit.cause.sender_pid == static_cast<std::uint32_t>(getpid()));
}

TEST_CASE("a crash has no sender but itself, and says whether it left a core") {
    NEEDS_BPF();
    Lab lab({});
    auto child = start_program("nzidle");
    child.send("abort");

    const auto exit = lab.await_exit(child.pid());

    CHECK(exit.cause.signal == SIGABRT);
    CHECK((exit.cause.sender_pid == 0 || exit.cause.sender_pid == static_cast<std::uint32_t>(child.pid())));
    const auto status = child.wait();
    CHECK(status.signal == SIGABRT);
}

TEST_CASE("a process lives on when its leader ends before its other threads") {
    NEEDS_BPF();
    auto child = start_program("nzidle", {"--name", "nzlive-l"});
    Lab lab({rule_of("l", {.comm = "nzlive-l"})});
    child.ask("thread-exit");

    lab.compare();
    CHECK(lab.counts(child.pid()));

    child.send("exit 7");
    const auto exit = lab.await_exit(child.pid());
    CHECK(exit.cause.exit_code == 7);
    CHECK(lab.pids().empty());
}

TEST_CASE("a zombie doesn't count as running, whether it died before the watch or during it") {
    NEEDS_BPF();
    auto parent = start_program("nzidle", {"--name", "nzlive-z"});
    const auto before = number_in(parent.ask("zombie"), "pid");

    Lab lab({rule_of("z", {.comm = "nzlive-z"})});
    CHECK_FALSE(lab.counts(before));

    const auto during = number_in(parent.ask("zombie"), "pid");
    lab.await_exit(during);
    lab.compare();
    CHECK_FALSE(lab.counts(during));
    CHECK(lab.pids() == std::vector{static_cast<std::uint32_t>(parent.pid())});
}

TEST_CASE("threads come and go without being told") {
    NEEDS_BPF();
    Lab lab({});
    const auto before = lab.events().size();
    Child churn({program("nzchurn"), "1", "--workers", "1", "--threads", "2000", "--most", "1"});
    const auto pid = churn.pid();
    churn.wait();
    lab.await_exit(pid);
    // The program itself, and the one process that it started: fork, exec and exit of both.
    CHECK(lab.events().size() - before < 40);
}

TEST_CASE("a recycled pid is somebody else") {
    NEEDS_BPF();
    if (!can_recycle_pids()) SKIP("/proc/sys/kernel/ns_last_pid can't be written");
    Lab lab({rule_of("first", {.comm = "nzlive-1"}), rule_of("second", {.comm = "nzlive-2"})});
    Child recycler({program("nzrecycle"), "--name", "nzlive-1", "--second-name", "nzlive-2"});
    const auto first = number_in(recycler.read_line(), "pid");
    lab.await_counted(first, 0);
    const auto identity = lab.engine().matches()[0][0].id;

    const auto answer = recycler.ask("");
    if (answer.find("gave-up") != std::string::npos) SKIP("the pid did not come back: others forked in between");

    lab.await_counted(first, 1);
    CHECK(lab.pids(0).empty());
    const auto recycled = lab.engine().matches()[1][0].id;
    CHECK(recycled.pid == identity.pid);
    CHECK(recycled.start_ns > identity.start_ns);
}
