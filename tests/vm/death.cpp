// Every death is told once, of the whole process, with its cause.
#include "vm/watch.hpp"

#include <fstream>
#include <thread>

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

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

int exits_told(Watch& watch, long pid) {
    return watch.count<Exited>([&](const Exited& exit) { return exit.id.pid == static_cast<std::uint32_t>(pid); });
}

} // namespace

TEST_CASE("exit: its code is told") {
    NEEDS_BPF();
    auto& watch = the_watch();
    const auto pid = run_child([] { _exit(42); }).first;
    const auto exit = watch.await_exit(pid);

    CHECK(exit.cause.exit_code == 42);
    CHECK(exit.cause.signal == 0);
    CHECK(exit.cause.known);
    CHECK_FALSE(exit.cause.oom);
    CHECK(exit.id == watch.await_fork(pid).child.id);
}

TEST_CASE("kill -9: signal and sender are told") {
    NEEDS_BPF();
    auto& watch = the_watch();
    auto victim = start_program("nzidle");
    const auto pid = victim.pid();
    const auto killer = run_child([&] {
        prctl(PR_SET_NAME, "nzvm-killer");
        kill(pid, SIGKILL);
    });
    victim.wait();
    const auto exit = watch.await_exit(pid);

    CHECK(exit.cause.signal == SIGKILL);
    CHECK(exit.cause.sender_pid == static_cast<std::uint32_t>(killer.first));
    CHECK(exit.cause.sender_comm == "nzvm-killer");
    CHECK(exit.cause.sender_uid == getuid());
    CHECK_FALSE(exit.cause.oom);
    CHECK(exits_told(watch, pid) == 1);
}

TEST_CASE("abort: its signal is told, and whether it left a core") {
    NEEDS_BPF();
    auto& watch = the_watch();
    const auto [pid, status] = run_child([] {
        const rlimit none{};
        const rlimit all{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
        setrlimit(RLIMIT_CORE, chdir("/tmp") == 0 ? &all : &none);
        std::abort();
    });
    unlink("/tmp/core");
    const auto exit = watch.await_exit(pid);

    CHECK(exit.cause.signal == SIGABRT);
    CHECK(exit.cause.core == (WCOREDUMP(status) != 0));
}

TEST_CASE("fault: a signal by the kernel has no sender") {
    NEEDS_BPF();
    auto& watch = the_watch();
    const auto pid = run_child([] {
                         const rlimit none{};
                         setrlimit(RLIMIT_CORE, &none);
                         auto* page = static_cast<volatile char*>(
                             mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
                         *page = 1;
                     }).first;
    const auto exit = watch.await_exit(pid);

    CHECK(exit.cause.signal == SIGSEGV);
    CHECK(exit.cause.sender_pid == 0);
}

TEST_CASE("leader first: a process lives until its last thread is gone") {
    NEEDS_BPF();
    auto& watch = the_watch();
    auto child = start_program("nzidle");
    const auto pid = child.pid();
    child.ask("thread-exit");

    CHECK(exits_told(watch, pid) == 0);
    CHECK_FALSE(watch.snapshot().at(pid).dying);

    child.send("exit 7");
    child.wait();
    const auto exit = watch.await_exit(pid);
    CHECK(exit.cause.exit_code == 7);
    CHECK(exits_told(watch, pid) == 1);
}

TEST_CASE("threads: many that end together are one death") {
    NEEDS_BPF();
    auto& watch = the_watch();
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
    const auto exit = watch.await_exit(pid);

    CHECK(exit.cause.exit_code == 9);
    // Where the tracepoint does not say which thread was the last, several may tell it.
    const int told = exits_told(watch, pid);
    CHECK(told >= 1);
    if (test::features().exit_tells_group_dead) CHECK(told == 1);
}

TEST_CASE("zombie: its exit is told, and the iterator says what it is") {
    NEEDS_BPF();
    auto& watch = the_watch();
    auto parent = start_program("nzidle");
    const auto pid = number_in(parent.ask("zombie"), "pid");
    const auto exit = watch.await_exit(pid);

    auto tasks = watch.snapshot();
    REQUIRE(tasks.contains(pid));
    CHECK(tasks.at(pid).dying);
    CHECK(tasks.at(pid).zombie);
    CHECK(tasks.at(pid).process.id == exit.id);
    CHECK_FALSE(tasks.at(parent.pid()).dying);

    parent.ask("reap " + std::to_string(pid));
    CHECK_FALSE(watch.snapshot().contains(pid));
}

TEST_CASE("out of memory: the victim of a cgroup's limit is told as one") {
    NEEDS_BPF();
    const std::string root = "/sys/fs/cgroup";
    const std::string group = root + "/nzvm-oom-" + std::to_string(getpid());
    if (access((root + "/cgroup.subtree_control").c_str(), W_OK) != 0) SKIP("no cgroup v2 in " + root);
    if (mkdir(group.c_str(), 0755) != 0) SKIP("no cgroup may be made in " + root);
    std::ofstream limit(group + "/memory.max");
    limit << (16U << 20U) << std::flush;
    if (!limit) {
        rmdir(group.c_str());
        SKIP("no memory limit can be set in " + group);
    }
    auto& watch = the_watch();
    const auto pid = run_child([&] {
                         std::ofstream(group + "/cgroup.procs") << getpid() << std::flush;
                         constexpr std::size_t size = 64U << 20U;
                         auto* memory = static_cast<volatile char*>(
                             mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
                         for (std::size_t at = 0; at < size; at += 4096)
                             memory[at] = 1;
                     }).first;
    const auto exit = watch.await_exit(pid);

    CHECK(exit.cause.signal == SIGKILL);
    CHECK(exit.cause.oom);
    CHECK(exit.cause.sender_pid == 0);
    CHECK(rmdir(group.c_str()) == 0);
}
