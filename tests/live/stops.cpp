// Who stopped a process: the sender of the signal that did, for as long as it is stopped.
#include "live/identity.hpp"
#include "probe/lifecycle.hpp"
#include "support/child.hpp"
#include "support/features.hpp"
#include "support/privilege.hpp"
#include "support/skip.hpp"

#include <csignal>

#include <doctest/doctest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nezuban;
using namespace nezuban::test;

namespace {

Lifecycle watch_signals() {
    return must(Lifecycle::attach(test::features(), 1U << 20U));
}

std::uint32_t kill_by_shell(int signal, long pid) {
    Child killer({"/bin/sh", "-c", "kill -" + std::to_string(signal) + " " + std::to_string(pid)});
    const auto sender = static_cast<std::uint32_t>(killer.pid());
    REQUIRE(killer.wait().exit_code == 0);
    return sender;
}

} // namespace

TEST_CASE("who stopped a process is known until it goes on") {
    if (!can_load_bpf()) SKIP(why_no_bpf());
    NEEDS_PROGRAMS("who stopped a process");
    auto lifecycle = watch_signals();
    auto victim = start_program("nzidle", {"--name", "nzlive-s"});
    const auto process = identity_of(victim.pid());
    CHECK_FALSE(lifecycle.stopper_of(process).has_value());

    for (const int signal : {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU}) {
        INFO(signal);
        const auto sender = kill_by_shell(signal, victim.pid());

        const auto stopper = lifecycle.stopper_of(process);
        REQUIRE(stopper.has_value());
        CHECK(*stopper == Sender{.pid = sender, .uid = 0, .signal = signal, .comm = "sh"});

        victim.signal(SIGCONT);
        CHECK_FALSE(lifecycle.stopper_of(process).has_value());
    }
}

TEST_CASE("of two who stop a process, the first did it") {
    if (!can_load_bpf()) SKIP(why_no_bpf());
    NEEDS_PROGRAMS("who stopped a process");
    auto lifecycle = watch_signals();
    auto victim = start_program("nzidle");
    const auto process = identity_of(victim.pid());
    // Not SIGTSTP, which stops nobody of an orphaned process group: that of an init's child is one.
    const auto sender = kill_by_shell(SIGSTOP, victim.pid());
    siginfo_t info{};
    REQUIRE(waitid(P_PID, static_cast<id_t>(victim.pid()), &info, WSTOPPED) == 0);

    victim.signal(SIGSTOP);

    CHECK(lifecycle.stopper_of(process)->pid == sender);
    victim.signal(SIGCONT);
}

TEST_CASE("a stop that is ignored has stopped nobody, and neither has one of somebody else's pid") {
    if (!can_load_bpf()) SKIP(why_no_bpf());
    NEEDS_PROGRAMS("who stopped a process");
    auto lifecycle = watch_signals();
    auto victim = start_program("nzidle");
    const auto process = identity_of(victim.pid());
    victim.ask("ignore " + std::to_string(SIGTSTP));

    kill_by_shell(SIGTSTP, victim.pid());
    CHECK_FALSE(lifecycle.stopper_of(process).has_value());

    kill_by_shell(SIGSTOP, victim.pid());
    CHECK(lifecycle.stopper_of(process).has_value());
    CHECK_FALSE(lifecycle.stopper_of({.pid = process.pid, .start_ns = process.start_ns + 1}).has_value());
    victim.signal(SIGCONT);
}

TEST_CASE("a terminal that stops a process is nobody's doing") {
    if (!can_load_bpf()) SKIP(why_no_bpf());
    NEEDS_PROGRAMS("who stopped a process");
    auto lifecycle = watch_signals();
    int terminal = -1;
    const pid_t leader = forkpty(&terminal, nullptr, nullptr, nullptr);
    REQUIRE(leader >= 0);
    if (leader == 0) {
        // Of a group of its own, with a parent in the same session: an orphaned group can't be stopped by a terminal.
        const pid_t child = fork();
        if (child == 0) {
            setpgid(0, 0);
            std::signal(SIGTTOU, SIG_IGN);
            tcsetpgrp(STDIN_FILENO, getpid());
            (void)!write(STDOUT_FILENO, "ready\n", 6);
            alarm(60);
            for (;;)
                pause();
        }
        alarm(60);
        waitpid(child, nullptr, 0);
        _exit(0);
    }
    const test::Fd terminal_fd(terminal);
    LineReader output{test::Fd(dup(terminal))};
    REQUIRE(output.next(after())->starts_with("ready"));
    const pid_t stopped = tcgetpgrp(terminal);
    const auto process = identity_of(stopped);

    REQUIRE(write(terminal, "\x1a", 1) == 1); // ^Z

    std::optional<Sender> stopper;
    for (const auto deadline = after(); !stopper && Clock::now() < deadline;)
        stopper = lifecycle.stopper_of(process);
    kill(stopped, SIGKILL);
    waitpid(leader, nullptr, 0);
    REQUIRE(stopper.has_value());
    CHECK(*stopper == Sender{.pid = 0, .uid = 0, .signal = SIGTSTP, .comm = ""});
}
