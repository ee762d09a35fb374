// Threads in every state as the wait scan sees them: of helper programs that are stuck, and of their healthy twins.
#include "live/lab.hpp"
#include "live/scanner.hpp"

#include <atomic>
#include <csignal>

#include <linux/futex.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace nezuban;
using namespace nezuban::test;

namespace {

std::string own_comm() {
    char name[16] = {};
    prctl(PR_GET_NAME, name);
    return name;
}

bool stack_has(const ThreadWait& wait, std::string_view part) {
    return std::ranges::any_of(wait.kernel_stack,
                               [&](const std::string& frame) { return frame.find(part) != std::string::npos; });
}

} // namespace

TEST_CASE("the parent of a vfork is told as blocked, killable, in its system call, with its stack") {
    NEEDS_SCAN();
    Scanner scanner;
    Stage stuck("nzstuck", {"vfork"});

    const auto told = scanner.threads_of(stuck.pid(), {.uninterruptible = true});

    REQUIRE(told.size() == 1);
    const auto& wait = told.front();
    CHECK(wait.thread.tid == stuck.tid());
    CHECK(wait.comm == "vforker");
    CHECK(wait.state == ThreadState::uninterruptible);
    CHECK(wait.killable);
    CHECK_FALSE(wait.kernel_thread);
    CHECK_FALSE(wait.frozen);
    CHECK_FALSE(wait.on_cpu);
    REQUIRE(wait.syscall);
    CHECK((wait.syscall->number == SYS_vfork || wait.syscall->number == SYS_clone));
    CHECK(wait.entered_by_syscall);
    CHECK(wait.user_address != 0);
    CHECK(wait.voluntary_switches > 0);
    CHECK(stack_has(wait, "clone"));
    CHECK(wait.kernel_stack.front().find('/') == std::string::npos);
    CHECK(wait.in_namespace == wait.thread.tid);
    CHECK(wait.pid_namespace != 0);
    // Asked for something else, nobody hears of it.
    CHECK(scanner.threads_of(stuck.pid(), {.stopped = true, .locks = true, .running = true}, stuck.tid()).empty());
}

TEST_CASE("a wait that is shorter than asked for is not told") {
    NEEDS_SCAN();
    Scanner scanner;
    Stage stuck("nzstuck", {"vfork"});

    CHECK(scanner.threads_of(stuck.pid(), {.uninterruptible = true, .least = std::chrono::hours(1)}).empty());
    CHECK(scanner
              .await(stuck.pid(), {.uninterruptible = true, .least = std::chrono::milliseconds(50)},
                     [](const ThreadWait&) { return true; })
              .off_cpu
          >= std::chrono::milliseconds(50));
}

TEST_CASE("a process stopped by a signal is told as stopped, by nobody's debugger") {
    NEEDS_SCAN();
    Scanner scanner;
    auto idle = start_program("nzidle");
    idle.signal(SIGSTOP);

    const auto wait = scanner.await(pid_of(idle), {.stopped = true}, [](const ThreadWait&) { return true; });
    idle.signal(SIGCONT);

    CHECK(wait.state == ThreadState::stopped);
    CHECK(wait.tracer_pid == 0);
    CHECK(wait.killable);
}

TEST_CASE("a process held by a debugger tells who that is") {
    NEEDS_SCAN();
    Scanner scanner;
    auto idle = start_program("nzidle");
    REQUIRE(ptrace(PTRACE_ATTACH, idle.pid(), nullptr, nullptr) == 0);

    const auto wait = scanner.await(pid_of(idle), {.stopped = true},
                                    [](const ThreadWait& told) { return told.state == ThreadState::traced; });
    waitpid(idle.pid(), nullptr, 0);
    ptrace(PTRACE_DETACH, idle.pid(), nullptr, nullptr);

    CHECK(wait.tracer_pid == static_cast<std::uint32_t>(getpid()));
    CHECK(wait.tracer_comm == own_comm());
}

TEST_CASE("threads that wait for a mutex are told with the word that they wait on") {
    NEEDS_SCAN();
    Scanner scanner;
    Stage stuck("nzlock", {"chain", "3"});
    const auto lock = std::stoull(stuck.line.substr(stuck.line.find("0x")), nullptr, 16);

    const auto told = scanner.threads_of(stuck.pid(), {.locks = true});

    CHECK(told.size() == 3);
    for (const auto& wait : told) {
        CHECK(wait.comm == "waiter");
        CHECK(wait.state == ThreadState::sleeping);
        REQUIRE(wait.syscall);
        CHECK(wait.syscall->number == SYS_futex);
        CHECK_FALSE(wait.syscall->compat);
        CHECK(wait.syscall->args[0] == lock);
        CHECK((wait.syscall->args[1] & 0x7fU) == FUTEX_WAIT);
        CHECK(wait.syscall->args[2] == 2); // locked, with waiters
        CHECK(wait.kernel_stack.empty());  // nobody asked for it
    }
}

TEST_CASE("idle threads on a condition variable or a semaphore wait for no lock") {
    NEEDS_SCAN();
    Scanner scanner;
    for (const auto* kind : {"condvar", "semaphore"}) {
        INFO(kind);
        Stage idle("nzlock", {kind, "20"});

        CHECK(scanner.threads_of(idle.pid(), {.uninterruptible = true, .stopped = true, .locks = true}).empty());
        CHECK(scanner.threads_of(idle.pid(), asking({idle.pid()})).size() == 21);
    }
}

TEST_CASE("a process that is asked for tells all its threads, whatever they do") {
    NEEDS_SCAN();
    Scanner scanner;
    Stage idle("nzstuck", {"threads", "40"});

    const auto told = scanner.await(idle.pid(), asking({idle.pid()}), [&](const ThreadWait& wait) {
        return wait.comm == "idle" && wait.syscall && wait.syscall->number == SYS_pause;
    });
    CHECK(stack_has(told, "pause"));

    const auto threads = scanner.threads_of(idle.pid(), asking({idle.pid()}));
    CHECK(threads.size() == 41);
    std::vector<std::uint32_t> tids;
    for (const auto& wait : threads) {
        CHECK(wait.process == told.process);
        CHECK(wait.thread.start_ns >= wait.process.start_ns);
        CHECK_FALSE(wait.kernel_stack.empty());
        tids.push_back(wait.thread.tid);
    }
    std::ranges::sort(tids);
    CHECK(std::ranges::adjacent_find(tids) == tids.end());
}

TEST_CASE("a thread that is asked for is told alone") {
    NEEDS_SCAN();
    Scanner scanner;
    Stage stuck("nzlock", {"chain", "3"});

    const auto told = scanner.threads(asking({}, {stuck.tid()}));

    REQUIRE(told.size() == 1);
    CHECK(told.front().thread.tid == stuck.tid());
    CHECK(told.front().process.pid == stuck.pid());
}

TEST_CASE("who spins is told as running, and whether it still talks with the kernel") {
    NEEDS_SCAN();
    Scanner scanner;
    Stage mute("nzstuck", {"spin"});
    Stage talking("nzstuck", {"spin-syscall"});

    const auto wait = scanner.await(mute.pid(), {.running = true}, [&](const ThreadWait& told) {
        return told.thread.tid == mute.tid() && !told.entered_by_syscall;
    });
    const auto other = scanner.await(talking.pid(), {.running = true}, [&](const ThreadWait& told) {
        return told.thread.tid == talking.tid() && told.entered_by_syscall;
    });

    CHECK(wait.state == ThreadState::running);
    CHECK_FALSE(wait.syscall);
    CHECK(wait.user_address != 0);
    CHECK(wait.cpu > Duration::zero());
    CHECK(other.state == ThreadState::running);
    const auto later = scanner.await(mute.pid(), {.running = true}, [&](const ThreadWait& told) {
        return told.thread.tid == mute.tid() && told.cpu > wait.cpu;
    });
    CHECK(later.thread == wait.thread);
}

TEST_CASE("kernel threads that are asked for show their stack and no system call") {
    NEEDS_SCAN();
    Scanner scanner;
    constexpr std::uint32_t kthreadd = 2;

    const auto told = scanner.threads_of(kthreadd, asking({kthreadd}));

    REQUIRE(told.size() == 1);
    CHECK(told.front().comm == "kthreadd");
    CHECK(told.front().kernel_thread);
    CHECK_FALSE(told.front().killable);
    CHECK_FALSE(told.front().syscall);
    CHECK(told.front().user_address == 0);
    CHECK(stack_has(told.front(), "kthreadd"));
    // Many of them sleep in D; that is not what is meant by blocked.
    for (const auto& wait : scanner.threads({.uninterruptible = true, .least = std::chrono::seconds(1)})) {
        CHECK(wait.state == ThreadState::uninterruptible);
    }
}

TEST_CASE("a zombie that is asked for is told as one") {
    NEEDS_SCAN();
    Scanner scanner;
    auto idle = start_program("nzidle");
    idle.send("exit 3");
    REQUIRE(wait_readable(idle.pidfd(), after()));

    const auto told = scanner.threads_of(pid_of(idle), asking({pid_of(idle)}));

    REQUIRE(told.size() == 1);
    CHECK(told.front().state == ThreadState::zombie);
    CHECK_FALSE(told.front().syscall);
    CHECK(scanner.threads_of(pid_of(idle), everything).empty());
}

TEST_CASE("the time off the processor is never more than it was, and comes near it") {
    NEEDS_SCAN();
    Scanner scanner;
    std::atomic<std::uint32_t> tid = 0;
    std::atomic<bool> end = false;
    std::atomic<Clock::time_point> slept{Clock::time_point{}}; // before it did; none: it is awake
    // Slices of all lengths, on either processor, before it leaves.
    std::thread sleeper([&] {
        tid = static_cast<std::uint32_t>(syscall(SYS_gettid));
        for (int round = 0; !end; ++round) {
            cpu_set_t one;
            CPU_ZERO(&one);
            CPU_SET(static_cast<unsigned>(round) % std::max(1U, std::thread::hardware_concurrency()), &one);
            sched_setaffinity(0, sizeof one, &one);
            for (const auto until = after(std::chrono::milliseconds(round * 37 % 200)); Clock::now() < until;) {
            }
            slept = Clock::now();
            std::this_thread::sleep_for(std::chrono::milliseconds(300));
            slept = Clock::time_point{};
        }
    });
    while (tid == 0)
        std::this_thread::yield();

    int known = 0;
    for (const auto deadline = after(); known < 100 && Clock::now() < deadline;) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10)); // so that this thread arrives anew
        const auto before = slept.load();
        const auto told = scanner.threads(asking({}, {tid}));
        const auto now = Clock::now();
        if (before == Clock::time_point{} || slept.load() != before || told.size() != 1) continue;
        const auto& wait = told.front();
        if (wait.state != ThreadState::sleeping || wait.off_cpu == Duration::zero()) continue;
        ++known;
        CHECK(wait.off_cpu <= now - before);
    }
    // It grows with the wait: a wait of 100 ms is soon told as one of more than half of that.
    for (const auto deadline = after(); Clock::now() < deadline;) {
        const auto told = scanner.threads(asking({}, {tid}));
        if (told.size() == 1 && told.front().off_cpu > std::chrono::milliseconds(100)) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        CHECK(Clock::now() < deadline);
    }
    end = true;
    sleeper.join();
    CHECK(known == 100);
}

TEST_CASE("processes that come and go during a scan do no harm") {
    NEEDS_SCAN();
    Scanner scanner;
    Stage stuck("nzlock", {"chain", "3"});
    std::atomic<bool> end = false;
    std::thread churn([&] {
        while (!end) {
            const pid_t pid = fork();
            if (pid == 0) _exit(0);
            waitpid(pid, nullptr, 0);
        }
    });

    for (int round = 0; round < 50; ++round) {
        auto wish = everything;
        wish.processes = {stuck.pid()};
        CHECK(scanner.threads_of(stuck.pid(), wish).size() == 5);
        scanner.sockets();
    }
    end = true;
    churn.join();
}

TEST_CASE("a pass that is given up is followed by a whole one") {
    NEEDS_SCAN();
    Scanner scanner;
    Stage idle("nzstuck", {"threads", "2000"});
    REQUIRE(scanner.waits().begin_threads(asking({idle.pid()})));
    REQUIRE(scanner.waits().read_threads([](const ThreadWait&) {}).value_or(false));

    CHECK(scanner.threads_of(idle.pid(), asking({idle.pid()})).size() == 2001);
}
