// Every way to die, and who did it.
#include "live/lab.hpp"
#include "support/temp_dir.hpp"

#include <csignal>
#include <fstream>
#include <thread>

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

using namespace nezuban;
using namespace nezuban::test;

namespace {

// A child that does this and nothing else; returns how it ended, as wait(2) gives it.
template <typename Work> std::pair<pid_t, int> run_child(const Work& work) {
    const pid_t pid = fork();
    if (pid < 0) fail_with_errno("fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        std::signal(SIGABRT, SIG_DFL); // doctest has handlers
        std::signal(SIGSEGV, SIG_DFL);
        work();
        _exit(0);
    }
    int status = 0;
    if (waitpid(pid, &status, 0) != pid) fail_with_errno("waitpid");
    return {pid, status};
}

} // namespace

TEST_CASE("an exit tells its code") {
    NEEDS_BPF();
    NEEDS_EVENTS();
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
    NEEDS_PROGRAMS("who sent a signal");
    Lab lab({});
    for (const int signal : {SIGKILL, SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGALRM, SIGRTMIN + 3}) {
        auto victim = start_program("nzidle", {"--name", "nzlive-v"});
        Child killer({"/bin/sh", "-c", "kill -" + std::to_string(signal) + " " + std::to_string(victim.pid())});
        const auto sender = static_cast<std::uint32_t>(killer.pid());

        INFO(signal);
        const auto exit = lab.await_exit(victim.pid());

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
    NEEDS_PROGRAMS("who sent a signal");
    Lab lab({});
    Child victim({"/bin/sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do read -r line || exit 6; done"});
    REQUIRE(victim.read_line() == "ready");

    victim.signal(SIGTERM);
    try {
        victim.send("wake up");
    } catch (const std::system_error&) {
        // Some shells run their trap at once, others after the read.
    }

    const auto exit = lab.await_exit(victim.pid());
    CHECK(exit.cause.signal == 0);
    CHECK(exit.cause.exit_code == 5);
    CHECK(exit.cause.sender_signal == SIGTERM);
    CHECK(exit.cause.sender_pid == static_cast<std::uint32_t>(getpid()));
}

TEST_CASE("a crash has no sender but itself, and says whether it left a core") {
    NEEDS_BPF();
    NEEDS_PROGRAMS("what somebody was who is gone by now");
    Lab lab({});
    const TempDir dir;
    const auto [pid, status] = run_child([&] {
        const rlimit none{};
        const rlimit all{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
        setrlimit(RLIMIT_CORE, chdir(dir.path().c_str()) == 0 ? &all : &none);
        std::abort();
    });

    const auto exit = lab.await_exit(pid);

    CHECK(exit.cause.signal == SIGABRT);
    CHECK((exit.cause.sender_pid == 0 || exit.cause.sender_pid == static_cast<std::uint32_t>(pid)));
    CHECK(exit.cause.core == (WCOREDUMP(status) != 0));
}

TEST_CASE("a fault is the kernel's signal, and nobody sent it") {
    NEEDS_BPF();
    NEEDS_PROGRAMS("what somebody was who is gone by now");
    Lab lab({});
    const auto pid = run_child([] {
                         const rlimit none{};
                         setrlimit(RLIMIT_CORE, &none);
                         auto* page = static_cast<volatile char*>(
                             mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
                         *page = 1;
                     }).first;

    const auto exit = lab.await_exit(pid);

    CHECK(exit.cause.signal == SIGSEGV);
    CHECK(exit.cause.sender_pid == 0);
    CHECK_FALSE(exit.cause.oom);
}

TEST_CASE("many threads that end together are one death") {
    NEEDS_BPF();
    NEEDS_PROGRAMS("what somebody was who is gone by now");
    Lab lab({rule_of("me", {.comm = "test_live"})});
    const auto pid = run_child([] {
                         std::vector<std::thread> threads;
                         for (int i = 0; i < 16; ++i) {
                             threads.emplace_back([] {
                                 for (;;)
                                     pause();
                             });
                         }
                         _exit(9);
                     }).first;

    CHECK(lab.await_exit(pid).cause.exit_code == 9);
    lab.compare(); // whatever else was told of it has come by now
    const auto told = std::ranges::count_if(lab.events(), [pid](const Event& event) {
        const auto* exit = std::get_if<Exited>(&event);
        return exit != nullptr && exit->id.pid == static_cast<std::uint32_t>(pid);
    });
    // Where the tracepoint does not say which thread was the last, several may tell it; it is one death all the same.
    if (test::features().exit_tells_group_dead) CHECK(told == 1);
    CHECK_FALSE(lab.counts(pid));
}

TEST_CASE("the victim of a memory limit is told as one, and not by its killer's name") {
    NEEDS_BPF();
    NEEDS_PROGRAMS("who was killed for want of memory");
    const std::string root = "/sys/fs/cgroup";
    const std::string group = root + "/nzlive-oom-" + std::to_string(getpid());
    if (access((root + "/cgroup.subtree_control").c_str(), W_OK) != 0) SKIP("no cgroup v2 in " + root);
    if (mkdir(group.c_str(), 0755) != 0) SKIP("no cgroup may be made in " + root);
    {
        std::ofstream limit(group + "/memory.max");
        limit << (16U << 20U) << std::flush;
        if (!limit) {
            rmdir(group.c_str());
            SKIP("no memory limit can be set in " + group);
        }
    }
    Lab lab({});
    const auto pid = run_child([&] {
                         std::ofstream(group + "/cgroup.procs") << getpid() << std::flush;
                         constexpr std::size_t size = 64U << 20U;
                         auto* memory = static_cast<volatile char*>(
                             mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
                         for (std::size_t at = 0; at < size; at += 4096)
                             memory[at] = 1;
                     }).first;

    const auto exit = lab.await_exit(pid);

    CHECK(exit.cause.signal == SIGKILL);
    CHECK(exit.cause.oom);
    CHECK(exit.cause.sender_pid == 0);
    CHECK(rmdir(group.c_str()) == 0);
}

TEST_CASE("a process lives on when its leader ends before its other threads") {
    NEEDS_BPF();
    NEEDS_EVENTS();
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
    NEEDS_EVENTS();
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
    NEEDS_PROGRAMS("what somebody was who is gone by now");
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
    if (test::features().mode == Mode::polling) lab.compare(); // the new one is told before the old one's end
    CHECK(lab.pids(0).empty());
    const auto recycled = lab.engine().matches()[1][0].id;
    CHECK(recycled.pid == identity.pid);
    // In whole clock ticks where /proc tells it: the two may have begun in the same one.
    if (test::features().mode == Mode::bpf)
        CHECK(recycled.start_ns > identity.start_ns);
    else
        CHECK(recycled.start_ns >= identity.start_ns);
}
