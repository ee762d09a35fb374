// Threads in every state as /proc shows them, for where BPF is refused.
#include "io/proc_waits.hpp"

#include "app/examiner.hpp"
#include "live/scanner.hpp"
#include "support/hang.hpp"

#include <csignal>

#include <doctest/doctest.h>
#include <sys/syscall.h>

using namespace nezuban;
using namespace nezuban::test;

namespace {

#define NEEDS_ROOT()                                                                                                   \
    if (::geteuid() != 0) SKIP("needs root to look at other processes' threads")

class Looker {
public:
    std::vector<ThreadWait> look(std::uint32_t pid, const ScanWish& wish) {
        WaitScan scan;
        REQUIRE(waits_.begin_threads(wish));
        while (waits_
                   .read_threads([&](ThreadWait wait) {
                       if (wait.process.pid == pid) scan.threads.push_back(std::move(wait));
                   })
                   .value()) {
        }
        complete_blocking(scan, {});
        return std::move(scan.threads);
    }
    // Looks until as many are told.
    std::vector<ThreadWait> await(std::uint32_t pid, const ScanWish& wish, std::size_t many = 1) {
        for (const auto deadline = after();;) {
            auto told = look(pid, wish);
            if (told.size() == many) return told;
            if (test::Clock::now() > deadline) throw std::runtime_error("no such threads were told");
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
    }

private:
    ProcWaits waits_;
};

} // namespace

TEST_CASE("from /proc: the parent of a vfork is in D, with its stack; since when is known from the second look on") {
    NEEDS_ROOT();
    Looker looker;
    Stage stuck("nzstuck", {"vfork"});
    const ScanWish wish{.uninterruptible = true};

    const auto first = looker.look(stuck.pid(), wish);
    REQUIRE(first.size() == 1);
    CHECK(first[0].thread.tid == stuck.tid());
    CHECK(first[0].comm == "vforker");
    CHECK(first[0].state == ThreadState::uninterruptible);
    CHECK(first[0].off_cpu == Duration::zero());
    CHECK_FALSE(first[0].killable_known);
    CHECK_FALSE(first[0].frozen);
    CHECK_FALSE(first[0].kernel_stack.empty());
    CHECK(first[0].syscall);

    const auto second = looker.look(stuck.pid(), wish);
    REQUIRE(second.size() == 1);
    CHECK(second[0].off_cpu > Duration::zero());
    CHECK(second[0].switches() == first[0].switches());
    CHECK(second[0].thread == first[0].thread);
    // Who asks for something else hears nothing of it; its main thread may still run, until it waits for us.
    CHECK(looker.await(stuck.pid(), {.stopped = true, .running = true}, 0).empty());
}

TEST_CASE("from /proc: a wait is not told before it was seen to last as long as asked for") {
    NEEDS_ROOT();
    Looker looker;
    Stage stuck("nzstuck", {"vfork"});
    CHECK(looker.look(stuck.pid(), {.uninterruptible = true, .least = std::chrono::hours(1)}).empty());
    const ScanWish wish{.uninterruptible = true, .least = std::chrono::milliseconds(20)};
    CHECK(looker.await(stuck.pid(), wish)[0].off_cpu >= std::chrono::milliseconds(20));
}

TEST_CASE("from /proc: a stopped process is told, and not once it goes on") {
    NEEDS_ROOT();
    Looker looker;
    auto idle = start_program("nzidle");
    CHECK(looker.await(pid_of(idle), everything, 0).empty());
    idle.signal(SIGSTOP);
    CHECK(looker.await(pid_of(idle), {.stopped = true})[0].state == ThreadState::stopped);
    idle.signal(SIGCONT);
    CHECK(looker.await(pid_of(idle), {.stopped = true}, 0).empty());
}

TEST_CASE("from /proc: two threads in a deadlock are told in futex, their twins on a condition variable are not") {
    NEEDS_ROOT();
    Looker looker;
    Stage locked("nzlock", {"cycle2"});
    Stage idle("nzlock", {"condvar", "4"});
    for (const auto& wait : looker.await(locked.pid(), {.locks = true}, 2)) {
        CHECK(wait.state == ThreadState::sleeping);
        REQUIRE(wait.syscall);
        CHECK(wait.syscall->number == SYS_futex);
        CHECK_FALSE(wait.syscall->compat);
        CHECK(wait.pid_namespace != 0);
        CHECK(wait.in_namespace == wait.thread.tid);
    }
    CHECK(looker.await(idle.pid(), {.locks = true}, 0).empty());
}

TEST_CASE("from /proc: who burns CPU is told with what he has used") {
    NEEDS_ROOT();
    Looker looker;
    Stage spinner("nzstuck", {"spin"});
    const auto told = looker.await(spinner.pid(), {.running = true});
    CHECK(told[0].state == ThreadState::running);
    const auto later = looker.await(spinner.pid(), {.running = true});
    CHECK(later[0].cpu >= told[0].cpu);
}

TEST_CASE("from /proc: a frozen process is told as one") {
    NEEDS_ROOT();
    if (!FreezerGroup::possible()) SKIP("no cgroup v1 freezer");
    Looker looker;
    // One sleeps where it is frozen elsewhere, the other one where it stays, and is shown in D there (since 6.1).
    auto idle = start_program("nzidle");
    Child sleeper({"sleep", "1000"});
    const FreezerGroup group("nzproc-" + std::to_string(::getpid()));
    for (const auto* one : {&idle, &sleeper})
        group.add(one->pid());
    group.freeze();
    for (const auto* one : {&idle, &sleeper})
        for (const auto& wait : looker.await(pid_of(*one), asking({pid_of(*one)})))
            CHECK(wait.frozen);
}

TEST_CASE("from /proc: who is asked for is told whatever he does, with all his threads") {
    NEEDS_ROOT();
    Looker looker;
    Stage many("nzstuck", {"threads", "5"});
    const auto told = looker.look(many.pid(), asking({many.pid()}));
    CHECK(told.size() >= 5);
    for (const auto& wait : told) {
        CHECK(wait.process.pid == many.pid());
        CHECK(wait.process.start_ns == told.front().process.start_ns);
    }
    // Who runs has no stack; they all come to sleep.
    const auto stackless = [&] {
        return std::ranges::any_of(looker.look(many.pid(), asking({many.pid()})),
                                   [](const auto& wait) { return wait.kernel_stack.empty(); });
    };
    for (const auto deadline = after(); stackless();)
        REQUIRE(test::Clock::now() < deadline);
}
