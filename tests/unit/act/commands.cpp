#include "act/commands.hpp"

#include "commanding.hpp"

#include <csignal>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nezuban;
using namespace nezuban::test;
using namespace std::chrono_literals;

namespace {

RunCommand told_of(RunCommand command, const std::string& reason) {
    command.input = Incident{.reason = reason};
    return command;
}

// It was asked for, but not begun in its time: it counts as one that can't be ended, until its spawner answers.
void leave_behind(Here& here, const RunCommand& command) {
    here.commands.run(command);
    here.commands.advance(monotonic_now() + 1h);
    REQUIRE(here.ended.at(command.id).timed_out);
}

// Nobody of this process group is left (zombies count as gone when their parent is the system's first process).
bool group_gone(std::uint32_t leader) {
    return ::kill(-static_cast<pid_t>(leader), 0) != 0;
}

void await_end(pid_t child) {
    siginfo_t info{};
    REQUIRE(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
}

// A child that is no command.
pid_t ended_child() {
    const auto child = ::fork();
    if (child == 0) ::_exit(0);
    await_end(child);
    return child;
}

bool is_unreaped(pid_t child) {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT | WNOHANG) == 0;
}

} // namespace

TEST_CASE("a command starts, speaks and ends, in this order") {
    Here here;
    here.commands.run(here.shell(1, "echo one; echo two >&2; exit 3"));
    auto ended = here.end_of(1);
    CHECK(here.started.contains(1));
    CHECK(ended.exit_code == 3);
    CHECK(ended.signal == 0);
    CHECK_FALSE(ended.timed_out);
    CHECK(ended.error.empty());
    CHECK(here.order == std::vector<std::string>{"one", "two", "ended"});
    CHECK_FALSE(here.commands.next_deadline());
}

TEST_CASE("a command that a signal ends says which") {
    Here here;
    here.commands.run(here.shell(1, "kill -USR1 $$"));
    CHECK(here.end_of(1).signal == SIGUSR1);
}

TEST_CASE("a program that doesn't exist ends with 127 and says so in the log") {
    Here here;
    here.commands.run({.id = 1, .argv = {"/nonexistent"}, .label = "test"});
    CHECK(here.end_of(1).exit_code == 127);
    CHECK(here.said == "nezuban: cannot execute /nonexistent: No such file or directory\n");
    here.commands.run({.id = 2, .argv = {}, .label = "test"});
    CHECK_FALSE(here.end_of(2).error.empty());
}

TEST_CASE("the incident comes on standard input, and the environment with it") {
    Here here;
    auto command = here.shell(1, "cat; echo $NEZUBAN_RULE");
    command.input = Incident{.reason = "because"};
    command.environment = {{"NEZUBAN_RULE", "scanner"}};
    here.commands.run(command);
    here.end_of(1);
    CHECK(here.said == "{\"reason\": \"because\"}\nscanner\n");
}

TEST_CASE("a command over its time is ended with its whole group, politely") {
    Here here;
    here.commands.run(here.shell(1, "trap 'echo polite; exit 9' TERM; (echo ready; exec sleep 1000) & wait"));
    here.wait_for_line("ready");
    here.commands.advance(monotonic_now() + 1h);
    auto ended = here.end_of(1);
    CHECK(ended.timed_out);
    CHECK(ended.exit_code == 9);
    CHECK(here.said == "ready\npolite\n");
    while (!group_gone(here.started.at(1)))
        ::poll(nullptr, 0, 1);
}

TEST_CASE("what ignores SIGTERM is killed, with its whole group") {
    Here here;
    here.commands.run(here.shell(1, "trap '' TERM; (echo ready; exec sleep 1000) & wait; wait"));
    here.wait_for_line("ready");
    here.commands.advance(monotonic_now() + 1h);
    CHECK(here.ended.empty());
    here.commands.advance(monotonic_now() + 2h);
    auto ended = here.end_of(1);
    CHECK(ended.timed_out);
    CHECK(ended.signal == SIGKILL);
    while (!group_gone(here.started.at(1)))
        ::poll(nullptr, 0, 1);
}

TEST_CASE("a member of the group that outlives its leader's end is killed, too, when its time has come") {
    Here here;
    here.commands.run(here.shell(1, "(trap '' TERM; echo ready; while :; do sleep 1000; done) & wait"));
    here.wait_for_line("ready");
    here.commands.end(1);
    auto ended = here.end_of(1);
    CHECK(ended.timed_out);
    while (!group_gone(here.started.at(1)))
        ::poll(nullptr, 0, 1);
}

TEST_CASE("a command may be ended before it is there, while it waits, and when it is unknown") {
    Here here;
    here.commands.run(here.shell(1, "exec sleep 1000"));
    here.commands.end(1);
    CHECK(here.end_of(1).timed_out);

    for (CommandId id = 2; id < 68; ++id)
        here.commands.run(here.shell(id, "exec sleep 1000"));
    CHECK(here.commands.queued(Commands::Lane::deeds) == 2);
    here.commands.end(67);
    CHECK(here.end_of(67).error == "ended before it was started");
    CHECK_FALSE(here.started.contains(67));
    here.commands.end(999);
    for (CommandId id = 2; id < 67; ++id)
        here.commands.end(id);
    for (CommandId id = 2; id < 67; ++id)
        here.end_of(id);
    CHECK(here.commands.running(Commands::Lane::deeds) == 0);
}

TEST_CASE("an adopted command has no time-out and takes nobody's place, and its end is told") {
    Here here;
    here.commands.run(here.shell(1, "echo ready; exec sleep 1000"));
    here.wait_for_line("ready");
    here.commands.adopt(1);
    CHECK_FALSE(here.commands.next_deadline());
    CHECK(here.commands.running(Commands::Lane::deeds) == 0);
    here.commands.advance(monotonic_now() + 24h);
    ::kill(static_cast<pid_t>(here.started.at(1)), SIGKILL);
    auto ended = here.end_of(1);
    CHECK(ended.signal == SIGKILL);
    CHECK_FALSE(ended.timed_out);
}

TEST_CASE("a command has ended when it has, though what it started keeps its output and is still heard") {
    Here here;
    std::string fifo = "/tmp/nezuban-test-fifo-" + std::to_string(::getpid());
    ::mkfifo(fifo.c_str(), 0600);
    here.commands.run(here.shell(1, "setsid sh -c 'read line < " + fifo + "; echo $line' & echo started"));
    CHECK(here.end_of(1).exit_code == 0);
    CHECK(here.said == "started\n");
    int fd = ::open(fifo.c_str(), O_WRONLY);
    CHECK(::write(fd, "late\n", 5) == 5);
    ::close(fd);
    here.wait_for_line("late");
    ::unlink(fifo.c_str());
}

TEST_CASE("five hundred quick commands are all told, at most 64 of them at once") {
    Here here;
    for (CommandId id = 1; id <= 500; ++id) {
        here.commands.run({.id = id, .argv = {"/bin/true"}, .timeout = 1min, .label = "test"});
        CHECK(here.commands.running(Commands::Lane::deeds) <= 64);
    }
    for (CommandId id = 1; id <= 500; ++id) {
        auto ended = here.end_of(id);
        CHECK(ended.exit_code == 0);
        CHECK(ended.error.empty());
    }
    CHECK(here.started.size() == 500);
    for (const auto& [id, pid] : here.started)
        CHECK(::waitpid(static_cast<pid_t>(pid), nullptr, WNOHANG) == -1);
}

TEST_CASE("beyond a thousand that wait, a command is refused at once") {
    Here here;
    for (CommandId id = 1; id <= 64; ++id)
        here.commands.run(here.shell(id, "exec sleep 1000"));
    for (CommandId id = 65; id <= 1064; ++id)
        here.commands.run(here.shell(id, "true"));
    CHECK(here.ended.empty());
    here.commands.run(here.shell(2000, "true"));
    CHECK(here.ended.at(2000).error == "too many commands are waiting already");
    for (CommandId id = 1064; id >= 1; --id)
        here.commands.end(id);
    for (CommandId id = 1; id <= 1064; ++id)
        here.end_of(id);
}

TEST_CASE("a child that is no command and ended while a request was unanswered is reaped when that is answered") {
    Here here;
    const auto spawner = static_cast<pid_t>(here.spawner.pid());
    ::kill(spawner, SIGSTOP);
    here.commands.run(here.shell(1, "exec sleep 1000"));
    const auto stray = ended_child();
    here.commands.on_child();
    CHECK(is_unreaped(stray));
    ::kill(spawner, SIGCONT);
    here.start_of(1);
    here.commands.advance(monotonic_now());
    CHECK_FALSE(is_unreaped(stray));
    here.commands.end(1);
    here.end_of(1);
}

TEST_CASE("those that only tell of something take nobody's place, however many hang and wait") {
    Here here;
    auto news = [&](CommandId id) { return told_of(here.shell(id, "exec sleep 1000"), "it fell"); };
    for (CommandId id = 1; id <= 1064; ++id)
        here.commands.run(news(id));
    CHECK(here.ended.empty());
    here.commands.run(here.shell(2000, "exit 3"));
    CHECK(here.end_of(2000).exit_code == 3);
    here.commands.run(news(2001));
    CHECK(here.ended.at(2001).error == "too many commands are waiting already");
    for (CommandId id = 1064; id >= 1; --id)
        here.commands.end(id);
    for (CommandId id = 1; id <= 1064; ++id)
        here.end_of(id);
}

TEST_CASE("those that tell of something and can't be ended keep out their own kind alone") {
    Here here({.known = 3});
    const auto spawner = static_cast<pid_t>(here.spawner.pid());
    ::kill(spawner, SIGSTOP);
    for (CommandId id = 1; id <= 3; ++id)
        leave_behind(here, told_of(here.shell(id, "exec sleep 1000"), "it fell"));
    here.commands.run(told_of(here.shell(4, "true"), "it fell"));
    CHECK(here.ended.at(4).error == "too many commands that were started never ended");

    here.commands.run(here.shell(5, "exit 3"));
    ::kill(spawner, SIGCONT);
    CHECK(here.end_of(5).exit_code == 3);
}

TEST_CASE("services that their commands have become keep out nobody") {
    Here here({.known = 3});
    for (CommandId id = 1; id <= 3; ++id) {
        here.commands.run(here.shell(id, "exec sleep 1000"));
        here.start_of(id);
        here.commands.adopt(id);
    }
    here.commands.run(here.shell(4, "exit 3"));
    CHECK(here.end_of(4).exit_code == 3);
    for (CommandId id = 1; id <= 3; ++id) {
        here.commands.end(id);
        here.end_of(id);
    }
}

TEST_CASE("a command that is to end is answered soon, though nobody answers who could begin it") {
    Here here;
    const auto spawner = static_cast<pid_t>(here.spawner.pid());
    ::kill(spawner, SIGSTOP);
    here.commands.run(here.shell(1, "exec sleep 1000"));
    here.commands.end(1);
    here.commands.advance(monotonic_now() + 4s);
    CHECK(here.ended.contains(1));
    ::kill(spawner, SIGCONT);
    while (here.spawner.outstanding() > 0)
        here.step();
    here.commands.run(here.shell(2, "true"));
    here.end_of(2);
}

TEST_CASE("a child that is no command and ended behind one whose group has time to obey is reaped after that") {
    Here here;
    here.commands.run(here.shell(1, "(trap '' TERM; echo ready; while :; do sleep 1000; done) & wait"));
    here.wait_for_line("ready");
    here.commands.end(1);
    await_end(static_cast<pid_t>(here.started.at(1)));
    const auto stray = ended_child();
    here.commands.on_child();
    REQUIRE(here.ended.empty());

    here.commands.advance(monotonic_now() + 2s); // that no other child ends is the point: nobody tells of one
    REQUIRE(here.ended.contains(1));
    here.commands.advance(monotonic_now());
    CHECK_FALSE(is_unreaped(stray));
}

TEST_CASE("a dead spawner is an error of the command that was asked for, and no more") {
    Here here;
    ::kill(static_cast<pid_t>(here.spawner.pid()), SIGSTOP);
    here.commands.run(here.shell(1, "true"));
    ::kill(static_cast<pid_t>(here.spawner.pid()), SIGKILL);
    CHECK(here.end_of(1).error == "starting it: Connection reset by peer");
    here.commands.run(here.shell(2, "exit 4"));
    CHECK(here.end_of(2).exit_code == 4);
}

TEST_CASE("a spawner that doesn't answer holds up nobody, and what it starts too late is ended") {
    Here here;
    auto spawner = static_cast<pid_t>(here.spawner.pid());
    ::kill(spawner, SIGSTOP);
    here.commands.run(here.shell(1, "exec sleep 1000"));
    here.commands.advance(monotonic_now() + 1h);
    CHECK(here.ended.at(1).timed_out);
    CHECK(here.commands.running(Commands::Lane::deeds) == 0);
    ::kill(spawner, SIGCONT);
    while (here.spawner.outstanding() > 0)
        here.step();
    here.commands.run(here.shell(2, "true"));
    here.end_of(2);
    CHECK_FALSE(here.started.contains(1));
}

TEST_CASE("a flood of output is bounded and hurts neither the command nor the others") {
    Here here;
    here.commands.run(here.shell(1, "yes | head -c 20000000; exit 5"));
    here.commands.run(here.shell(2, "true"));
    CHECK(here.end_of(2).exit_code == 0);
    CHECK(here.end_of(1).exit_code == 5);
}

TEST_CASE("the event of one command may ask for the next") {
    Spawner spawner = Spawner::start().value();
    Loop loop = Loop::create().value();
    REQUIRE(spawner.attach(loop));
    CommandId last = 0;
    std::function<void(CommandId)> next;
    Commands commands(
        loop, spawner,
        [&](const Event& event) {
            if (const auto* end = std::get_if<CommandEnded>(&event)) next(end->id);
        },
        [](const std::string&, const std::string&) {}, [](const Incident&) { return std::string(); });
    next = [&](CommandId id) {
        last = id;
        if (id < 20) commands.run({.id = id + 1, .argv = {}}); // fails at once
    };
    commands.run({.id = 1, .argv = {}});
    CHECK(last == 20);
}
