#include "io/spawner.hpp"

#include "io/alterable.hpp"
#include "io/files.hpp"
#include "io/process_state.hpp"
#include "io/signals.hpp"
#include "spawning.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <random>
#include <set>
#include <thread>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace nezuban;
using namespace nezuban::test;

TEST_CASE("a command is a child of the one who asked, found in PATH, and its output and end are seen") {
    Spawning here;
    auto ended = here.run({.argv = {"sh", "-c", "echo $PPID; exit 3"}});
    CHECK(ended.output == std::to_string(::getpid()) + "\n");
    CHECK(WIFEXITED(ended.status));
    CHECK(WEXITSTATUS(ended.status) == 3);
}

TEST_CASE("a command has default signal dispositions and an empty mask, whatever its starters ignore and block") {
    ::signal(SIGUSR1, SIG_IGN);
    ::signal(SIGPIPE, SIG_IGN);
    sigset_t blocked{};
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGUSR2);
    ::sigaddset(&blocked, SIGRTMIN);
    ::sigprocmask(SIG_BLOCK, &blocked, nullptr);
    Spawning here;
    auto ended = here.run({.argv = {"sed", "-n", "/^Sig[BIC]/p", "/proc/self/status"}});
    ::sigprocmask(SIG_UNBLOCK, &blocked, nullptr);
    ::signal(SIGUSR1, SIG_DFL);
    ::signal(SIGPIPE, SIG_DFL);
    CHECK(ended.output == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000000000\n");
}

TEST_CASE("a command inherits no descriptor but its own three") {
    auto inheritable = open_null().value();
    Fd kept(::dup2(inheritable.get(), 77)); // without close-on-exec
    Spawning here;
    auto ended = here.run({.argv = {"ls", "/proc/self/fd"}});
    CHECK(ended.output == "0\n1\n2\n3\n"); // 3 is ls reading that directory
}

TEST_CASE("extra descriptors become 3 and 4") {
    Spawning here;
    SpawnRequest request{.argv = {"/bin/sh", "-c", "cat <&3; cat <&4; ls /proc/self/fd"}};
    request.extra.push_back(memory_file("three ").value());
    request.extra.push_back(memory_file("four\n").value());
    CHECK(here.run(std::move(request)).output == "three four\n0\n1\n2\n3\n4\n5\n");
}

TEST_CASE("a command has its own session, works in / and creates files with umask 022") {
    Spawning here;
    auto ended = here.shell("read pid name state ppid group session rest < /proc/self/stat; "
                            "test $$ = $session && test $$ = $group && pwd && umask");
    CHECK(ended.output == "/\n0022\n");
}

TEST_CASE("a command is no favourite of the OOM killer or the scheduler") {
    Spawning here;
    // The test itself may have been started with another niceness; it is the daemon's own favours that count.
    const int own = ::getpriority(PRIO_PROCESS, 0);
    auto ended = here.shell("cat /proc/self/oom_score_adj; nice");
    CHECK(ended.output.ends_with("\n" + std::to_string(own) + "\n"));
    if (::geteuid() == 0) CHECK(ended.output.starts_with("0\n"));
}

TEST_CASE("the environment is the daemon's, with additions, without what systemd says to the daemon alone") {
    ::setenv("NEZUBAN_TEST_KEPT", "kept", 1);
    ::setenv("NEZUBAN_TEST_CHANGED", "old", 1);
    ::setenv("NOTIFY_SOCKET", "/run/nobody", 1);
    Spawning here;
    const std::string script = "echo $NEZUBAN_TEST_KEPT $NEZUBAN_TEST_CHANGED $NEZUBAN_TEST_NEW ${NOTIFY_SOCKET-none}";
    auto request = [&](bool own) {
        return SpawnRequest{.argv = {"/bin/sh", "-c", script},
                            .environment = {{"NEZUBAN_TEST_CHANGED", "new"}, {"NEZUBAN_TEST_NEW", "a b"}},
                            .own = own};
    };
    CHECK(here.run(request(false)).output == "kept new a b none\n");
    CHECK(here.run(request(true)).output == "kept new a b /run/nobody\n");
    ::unsetenv("NOTIFY_SOCKET");
}

TEST_CASE("a command gets its arguments as they stand, whatever they would mean to a shell") {
    Spawning here;
    const std::vector<std::string> argv{"printf", "%s\n", "$(id)", "a; b | c > d", "`id`", "*", "'\"\\"};
    CHECK(here.run({.argv = argv}).output == "$(id)\na; b | c > d\n`id`\n*\n'\"\\\n");
    CHECK(here.run({.argv = {"/bin/echo", "&& id"}, .guarded = true}).output == "&& id\n");
}

TEST_CASE("standard input is what was given, else empty") {
    Spawning here;
    SpawnRequest request{.argv = {"cat"}};
    request.input = memory_file("an incident\n").value();
    CHECK(here.run(std::move(request)).output == "an incident\n");
    CHECK(here.run({.argv = {"cat"}}).output.empty());
}

TEST_CASE("a program that can't be executed says so on its own output and ends with 127") {
    Spawning here;
    auto ended = here.run({.argv = {"/nonexistent/program"}});
    CHECK(ended.output == "nezuban: cannot execute /nonexistent/program: No such file or directory\n");
    CHECK(WEXITSTATUS(ended.status) == 127);
}

TEST_CASE("a guarded command that others could alter is not executed as root, nor is its script") {
    if (::geteuid() != 0) SKIP("only root is refused");
    if (insiders().everybody) SKIP("everybody may replace the program here: nobody is a stranger");
    TempDir dir;
    Spawning here;
    const auto file = dir.write("program", "#!/bin/sh\necho executed\n");
    const auto run = [&](const std::vector<std::string>& argv, bool guarded) {
        return here.run({.argv = argv, .guarded = guarded});
    };
    ::chmod(file.c_str(), 0755);
    CHECK(run({file}, true).output == "executed\n");
    CHECK(run({"sh", "-c", "echo found"}, true).output == "found\n");
    CHECK(run({"nz-nowhere"}, true).output == "nezuban: cannot execute nz-nowhere: No such file or directory\n");

    ::chmod(file.c_str(), 0777);
    CHECK(run({file}, false).output == "executed\n");
    for (const auto& argv : {std::vector<std::string>{file}, {"/bin/sh", "-e", file}}) {
        const auto ended = run(argv, true);
        CHECK(ended.output
              == "nezuban: not executed: " + argv.front() + " could be altered by others: " + file
                     + " may be written by everybody (mode 0777)\n");
        CHECK(WEXITSTATUS(ended.status) == 126);
    }
}

TEST_CASE("a guarded command that is found nowhere is not looked for a second time, by nobody who would look at it") {
    if (::geteuid() != 0) SKIP("only root is refused");
    if (insiders().everybody) SKIP("everybody may replace the program here: nobody is a stranger");
    // Given a PATH that takes tens of milliseconds to be gone through, with somebody's directory in front
    constexpr int steps = 50'000;
    constexpr int tries = 20;
    TempDir dir;
    const auto ready = dir.write("ready", "#!/bin/sh\necho executed\n");
    ::chmod(ready.c_str(), 0777);
    const auto placed = dir.file("nz-between");
    const std::string before = std::getenv("PATH");
    auto path = dir.path().string();
    for (int step = 0; step < steps; ++step)
        path += ":/";
    ::setenv("PATH", path.c_str(), 1);
    Spawning here;
    ::setenv("PATH", before.c_str(), 1);

    for (int tried = 0; tried < tries; ++tried) {
        // when the program is put there while it is being looked for,
        auto pipe = output_pipe().value();
        SpawnRequest request{.argv = {"nz-between"}, .guarded = true};
        request.output = std::move(pipe.theirs);
        const auto pid = here.wait_for(std::move(request)).pid;
        std::this_thread::sleep_for(std::chrono::milliseconds(2 * tried));
        REQUIRE(::rename(ready.c_str(), placed.c_str()) == 0);

        // then it is looked at, or not found; never executed.
        CHECK_FALSE(Spawning::read_all(pipe.ours).contains("executed\n"));
        int status = 0;
        ::waitpid(static_cast<pid_t>(pid), &status, 0);
        CHECK((WEXITSTATUS(status) == 126 || WEXITSTATUS(status) == 127));
        REQUIRE(::rename(placed.c_str(), ready.c_str()) == 0);
    }
}

TEST_CASE(
    "a command is executed when those that it comes after are gone, and waits for nobody who has only their number") {
    // Given one that lives until its input ends, whom nobody has reaped
    Spawning here;
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    SpawnRequest request{.argv = {"/bin/cat"}};
    request.input = Fd(ends[0]);
    Fd life(ends[1]);
    const auto leaving = here.wait_for(std::move(request)).pid;
    const auto tick_ns = 1'000'000'000ULL / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
    const Identity id{.pid = leaving, .start_ns = read_process_state(leaving).value().started * tick_ns};
    const std::vector<std::string> look{"cut", "-d ", "-f3", "/proc/" + std::to_string(leaving) + "/stat"};

    // when one comes after another of that number, it looks at once;
    CHECK(here.run({.argv = look, .after = {{.pid = leaving, .start_ns = 1}}}).output != "Z\n");
    // when one comes after itself, it is not executed while that one lives,
    auto output = output_pipe().value();
    SpawnRequest successor{.argv = look, .after = {id}};
    successor.output = std::move(output.theirs);
    const auto pid = here.wait_for(std::move(successor)).pid;
    while (read_process_state(pid).value().letter != 'S')
        std::this_thread::yield();
    std::string comm;
    std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/comm"), comm);
    CHECK(comm == "nezuban-spawner");
    // but as soon as it is gone.
    life.reset();
    CHECK(Spawning::read_all(output.ours) == "Z\n");
    ::waitpid(static_cast<pid_t>(pid), nullptr, 0);
    ::waitpid(static_cast<pid_t>(leaving), nullptr, 0);
}

TEST_CASE("a request that can't be sent is an error at once") {
    Spawning here;
    auto never = [](const Spawned&) { FAIL("called"); };
    CHECK_FALSE(here.spawner.request({.argv = {}}, never));
    CHECK(here.spawner.request({.argv = {"true", std::string(200'000, 'x')}}, never).error().number == E2BIG);
    CHECK(here.spawner.outstanding() == 0);
}

TEST_CASE("five hundred requests at once are all answered, each with a child of its own") {
    Spawning here;
    std::set<std::uint32_t> pids;
    int answers = 0;
    for (int i = 0; i < 500; ++i) {
        REQUIRE(here.spawner.request({.argv = {"/bin/true"}}, [&](const Spawned& spawned) {
            ++answers;
            CHECK(spawned.error == 0);
            int status = 0;
            REQUIRE(::waitpid(static_cast<pid_t>(spawned.pid), &status, 0) == static_cast<pid_t>(spawned.pid));
            CHECK(status == 0);
            pids.insert(spawned.pid);
        }));
    }
    while (answers < 500)
        REQUIRE(here.loop.step(std::nullopt));
    CHECK(pids.size() == 500);
    CHECK(here.spawner.outstanding() == 0);
}

TEST_CASE("a spawner that dies answers what was asked, and is there again for the next request") {
    Spawning here;
    auto first = here.spawner.pid();
    ::kill(static_cast<pid_t>(first), SIGSTOP);
    std::optional<Spawned> answer;
    REQUIRE(here.spawner.request({.argv = {"/bin/true"}}, [&](const Spawned& spawned) { answer = spawned; }));
    ::kill(static_cast<pid_t>(first), SIGKILL);
    while (!answer)
        REQUIRE(here.loop.step(std::nullopt));
    CHECK(answer->error == ECONNRESET);

    CHECK(here.shell("echo again").output == "again\n");
    CHECK(here.spawner.pid() != first);
}

TEST_CASE("a spawner that has died is nobody, whoever gets its number") {
    Spawning here;
    ::kill(static_cast<pid_t>(here.spawner.pid()), SIGKILL);
    const auto deadline = monotonic_now() + std::chrono::seconds(20);
    while (here.spawner.pid() != 0 && monotonic_now() < deadline)
        REQUIRE(here.loop.step(deadline));
    CHECK(here.spawner.pid() == 0);
}

TEST_CASE("a spawner that dies at any moment has started what it says, and nothing else") {
    constexpr int moments = 400;
    std::minstd_rand dice(1);
    Spawning here;
    int unsaid = 0;
    int unstarted = 0;
    for (int moment = 0; moment < moments; ++moment) {
        here.shell("true"); // it is there, and waits
        auto pipe = output_pipe().value();
        SpawnRequest request{.argv = {"/bin/echo", "ran"}};
        request.output = std::move(pipe.theirs);
        std::optional<Spawned> answer;
        REQUIRE(here.spawner.request(std::move(request), [&](const Spawned& spawned) { answer = spawned; }));
        const auto end = monotonic_now() + std::chrono::microseconds(dice() % 100);
        while (monotonic_now() < end) {
        }
        ::kill(static_cast<pid_t>(here.spawner.pid()), SIGKILL);
        while (!answer)
            REQUIRE(here.loop.step(std::nullopt));
        const bool ran = here.read_all(pipe.ours) == "ran\n";
        if (ran && answer->error != 0) ++unsaid;
        if (!ran && answer->error == 0) ++unstarted;
    }
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    CHECK(unsaid == 0);
    CHECK(unstarted == 0);
}

TEST_CASE("a command that is killed before it can say that it is there is answered for all the same") {
    constexpr int moments = 300;
    Spawning here;
    const auto children = "/proc/self/task/" + std::to_string(::getpid()) + "/children";
    if (::access(children.c_str(), R_OK) != 0) SKIP("this kernel has no list of children in /proc");
    for (int moment = 0; moment < moments; ++moment) {
        const auto spawner = static_cast<pid_t>(here.spawner.pid());
        std::optional<Spawned> answer;
        REQUIRE(here.spawner.request({.argv = {"/bin/true"}}, [&](const Spawned& spawned) { answer = spawned; }));
        for (pid_t child = 0; child == 0;) {
            std::ifstream list(children);
            for (pid_t pid = 0; list >> pid;) {
                if (pid != spawner) child = pid;
            }
            if (child != 0) ::kill(child, SIGKILL);
        }
        const auto deadline = monotonic_now() + std::chrono::seconds(20);
        while (!answer && monotonic_now() < deadline)
            REQUIRE(here.loop.step(deadline));
        REQUIRE(answer);
        CHECK(answer->error == 0);
        ::waitpid(static_cast<pid_t>(answer->pid), nullptr, 0);
    }
}

TEST_CASE("the spawner survives the signals of a terminal and ends with its socket") {
    pid_t process = 0;
    {
        Spawning here;
        process = static_cast<pid_t>(here.spawner.pid());
        CHECK(here.shell("echo up").output == "up\n"); // it is past its beginning now
        for (int signal : {SIGINT, SIGTERM, SIGHUP})
            ::kill(process, signal);
        CHECK(here.shell("echo still").output == "still\n");
    }
    ::waitpid(process, nullptr, 0); // returns, with ECHILD if it was reaped already
    CHECK(::kill(process, 0) != 0);
}

TEST_CASE("a command whose reader has died is neither killed nor held up by its output") {
    Spawning here;
    auto pipe = output_pipe().value();
    pipe.ours.reset();
    SpawnRequest request{.argv = {"/bin/sh", "-c", "head -c 10000000 /dev/zero; exit 7"}};
    request.output = std::move(pipe.theirs);
    auto spawned = here.wait_for(std::move(request));
    int status = 0;
    ::waitpid(static_cast<pid_t>(spawned.pid), &status, 0);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 7);
}
