// How long nobody of a process was on a processor: what the kernel tells, against what the program itself knows.
#include "probe/stalls.hpp"

#include "live/identity.hpp"
#include "support/child.hpp"
#include "support/features.hpp"
#include "support/privilege.hpp"
#include "support/skip.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <thread>

#include <doctest/doctest.h>

using namespace nezuban;
using namespace nezuban::test;
using namespace std::chrono_literals;

#define NEEDS_STALLS()                                                                                                 \
    if (!can_load_bpf()) SKIP(why_no_bpf());                                                                           \
    if (!test::features().stalls) SKIP("not on this kernel: nobody tells of context switches")

namespace {

// The leader's start is its process'.
ThreadId leader_of(const Identity& process) {
    return {.tid = process.pid, .start_ns = process.start_ns};
}

std::vector<Stalled> told_until_now(Stalls& stalls) {
    std::vector<Stalled> told;
    while (stalls.drain(64, [&](const Stamped& stamped) { told.push_back(std::get<Stalled>(stamped.event)); }) == 64) {
    }
    return told;
}

Stalled await_told(Stalls& stalls) {
    for (const auto deadline = after();;) {
        if (const auto told = told_until_now(stalls); !told.empty()) return told.front();
        if (!wait_readable(stalls.descriptor(), deadline)) throw std::runtime_error("no stall was told in time");
    }
}

Duration longest_of(Child& ticker) {
    return std::chrono::microseconds(number_in(ticker.ask("longest"), "us"));
}

// No event says that a process goes on being silent.
template <typename Condition> bool becomes(const Condition& condition) {
    for (const auto deadline = after(); !condition();) {
        if (Clock::now() > deadline) return false;
        std::this_thread::sleep_for(5ms);
    }
    return true;
}

// The kernel's count is in jiffies, which are 10 ms at most: begin and end may each be rounded.
constexpr Duration rounding = 20ms;

} // namespace

TEST_CASE("a process that ticks tells one stall when it pauses, as long as the pause was") {
    NEEDS_STALLS();
    auto stalls = must(Stalls::attach(test::features()));
    auto ticker = start_program("nzticker");
    const auto process = identity_of(ticker.pid());
    REQUIRE(stalls.watch(process, 200ms));

    const Duration paused = std::chrono::microseconds(number_in(ticker.ask("pause 300"), "us"));

    const auto told = told_until_now(stalls);
    if (longest_of(ticker) > 180ms) SKIP("the machine itself let nothing tick");
    REQUIRE(told.size() == 1);
    CHECK(told[0].process == process);
    CHECK(told[0].tid == 0);
    CHECK(told[0].off_cpu <= paused + rounding);
    CHECK(told[0].off_cpu >= 300ms - rounding);
    const auto silence = stalls.silence_of(process);
    REQUIRE(silence.has_value());
    CHECK(silence->longest == told[0].off_cpu);
    CHECK(silence->usual > 0ms);
}

TEST_CASE("a process that ticks has no longer stalls than it knows of itself") {
    NEEDS_STALLS();
    auto stalls = must(Stalls::attach(test::features()));
    auto ticker = start_program("nzticker");
    const auto process = identity_of(ticker.pid());
    REQUIRE(stalls.watch(process, 200ms));

    Duration longest{};
    for (int round = 0; round < 15; ++round) {
        longest = std::max<Duration>(longest, std::chrono::microseconds(number_in(ticker.ask("pause 20"), "us")));
    }

    longest = std::max(longest, longest_of(ticker));
    const auto told = told_until_now(stalls);
    const auto silence = stalls.silence_of(process);
    REQUIRE(silence.has_value());
    CHECK(silence->longest <= longest + rounding);
    if (longest > 60ms) SKIP("the machine itself let nothing tick");
    CHECK(silence->usual == 0ms);
    CHECK(told.empty());
}

TEST_CASE("a thread that keeps its processor is life enough for a process whose other thread sleeps for long") {
    NEEDS_STALLS();
    auto stalls = must(Stalls::attach(test::features()));
    auto ticker = start_program("nzticker", {"--every", "150", "--pair"});
    const auto process = identity_of(ticker.pid());
    ticker.ask("burn");
    REQUIRE(stalls.watch(process, 200ms));

    const auto begin = Clock::now();
    REQUIRE(becomes([&] { return Clock::now() - begin > 1s; }));

    CHECK(stalls.silence_of(process)->silent < 200ms);
    const auto told = told_until_now(stalls);
    ticker.signal(SIGUSR1);
    ticker.read_line();
    const auto longest = longest_of(ticker);
    CHECK(stalls.silence_of(process)->longest <= longest + rounding);
    if (longest > 180ms) SKIP("the machine itself let nothing run");
    CHECK(told.empty());
}

TEST_CASE("two threads that take turns are no stall of their process, though each of them rests for longer") {
    NEEDS_STALLS();
    auto stalls = must(Stalls::attach(test::features()));
    auto ticker = start_program("nzticker", {"--every", "150", "--pair"});
    const auto process = identity_of(ticker.pid());
    REQUIRE(stalls.watch(process, 290ms));

    // Rounds of both of them; each rests for 300 ms.
    REQUIRE(becomes([&] { return stalls.silence_of(process)->usual > 0ms; }));
    const auto begin = Clock::now();
    REQUIRE(becomes([&] { return Clock::now() - begin > 1s; }));

    const auto told = told_until_now(stalls);
    const auto longest = longest_of(ticker);
    const auto silence = stalls.silence_of(process);
    REQUIRE(silence.has_value());
    CHECK(silence->longest <= longest + rounding);
    if (longest > 270ms) SKIP("the machine itself let nothing tick");
    CHECK(told.empty());
}

TEST_CASE("of a process with too many threads to look at in a switch, a stall is told if it was seen while it lasted") {
    NEEDS_STALLS();
    auto stalls = must(Stalls::attach(test::features()));
    auto ticker = start_program("nzticker", {"--idle", "200"});
    const auto process = identity_of(ticker.pid());
    REQUIRE(stalls.watch(process, 200ms));

    ticker.send("pause 1000");
    REQUIRE(becomes([&] { return stalls.silence_of(process)->silent >= 100ms; }));
    const Duration paused = std::chrono::microseconds(number_in(ticker.read_line(), "us"));

    const auto told = told_until_now(stalls);
    REQUIRE_FALSE(told.empty());
    CHECK(told[0].off_cpu >= 1s - rounding);
    CHECK(told[0].off_cpu <= paused + rounding);
}

TEST_CASE(
    "a process is watched on when its leader has ended, and when another of its threads becomes another program") {
    NEEDS_STALLS();
    auto stalls = must(Stalls::attach(test::features()));
    auto idle = start_program("nzidle");
    const auto process = identity_of(idle.pid());
    REQUIRE(stalls.watch(process, 1s));

    idle.ask("thread-exit");
    CHECK(becomes([&] { return stalls.silence_of(process)->silent >= 100ms; }));

    idle.ask("exec " + program("nzidle") + " --name nzexeced");
    const auto now_watched = must(stalls.silences());
    REQUIRE(now_watched.size() == 1);
    CHECK(now_watched[0].process == process);
    CHECK(becomes([&] { return stalls.silence_of(process)->silent >= 100ms; }));
}

TEST_CASE("a process that waits is silent, and one that spins is not, however long it keeps its processor") {
    NEEDS_STALLS();
    auto stalls = must(Stalls::attach(test::features()));
    auto waiting = start_program("nzidle");
    auto spinning = start_program("nzticker");
    spinning.ask("spin");
    const auto spins = identity_of(spinning.pid());
    REQUIRE(stalls.watch(identity_of(waiting.pid()), 1s));
    REQUIRE(stalls.watch(spins, 1s));

    std::vector<Silence> seen;
    REQUIRE(becomes([&] {
        seen = must(stalls.silences());
        return std::ranges::any_of(seen, [](const Silence& each) { return each.silent >= 300ms; });
    }));

    REQUIRE(seen.size() == 2);
    for (const auto& each : seen) {
        if (each.process == spins)
            CHECK(each.silent < 300ms);
        else
            CHECK(each.silent >= 300ms);
    }
    CHECK(told_until_now(stalls).empty());
    spinning.signal(SIGUSR1);
}

TEST_CASE("a followed thread is told once, when it is back") {
    NEEDS_STALLS();
    auto stalls = must(Stalls::attach(test::features()));
    auto idle = start_program("nzidle");
    const auto process = identity_of(idle.pid());

    REQUIRE(stalls.follow(process, leader_of(process)));
    CHECK(told_until_now(stalls).empty());

    idle.ask("rename nzback");
    const auto told = await_told(stalls);
    CHECK(told.process == process);
    CHECK(told.tid == process.pid);

    idle.ask("rename nzagain");
    CHECK(told_until_now(stalls).empty());
    CHECK_FALSE(stalls.silence_of(process).has_value()); // followed, never watched
}

TEST_CASE("a followed thread is told when it comes back to die") {
    NEEDS_STALLS();
    auto stalls = must(Stalls::attach(test::features()));
    auto idle = start_program("nzidle");
    const auto process = identity_of(idle.pid());
    REQUIRE(stalls.follow(process, leader_of(process)));

    idle.signal(SIGKILL);

    CHECK(await_told(stalls).process == process);
}

TEST_CASE("more threads than can be followed are an error, not a silence") {
    NEEDS_STALLS();
    auto stalls = must(Stalls::attach(test::features()));
    auto sleepers = start_program("nzsleepers", {"1100", "--name", "nzmany"});
    auto snapshot = must(Snapshot::load());
    REQUIRE(snapshot.begin());
    std::vector<Identity> all;
    while (must(snapshot.read_slice([&](const SnapshotTask& task) {
        if (task.process.ppid == static_cast<std::uint32_t>(sleepers.pid())) all.push_back(task.process.id);
    }))) {
    }
    REQUIRE(all.size() == 1100);

    std::size_t followed = 0;
    int error = 0;
    for (const auto& process : all) {
        const auto done = stalls.follow(process, leader_of(process));
        done ? static_cast<void>(++followed) : static_cast<void>(error = done.error().number);
    }

    CHECK(followed == 1024);
    CHECK(error == E2BIG);
}

TEST_CASE("the system calls of a thread are counted: none while it spins, some when it goes on") {
    NEEDS_STALLS();
    if (!test::features().system_calls) SKIP("not on this kernel: nobody tells of system calls");
    auto stalls = must(Stalls::attach(test::features()));
    auto ticker = start_program("nzticker");
    const auto process = identity_of(ticker.pid());
    const auto thread = leader_of(process);
    ticker.ask("spin");

    REQUIRE(stalls.count_syscalls(process, thread));
    const auto begin = Clock::now();
    REQUIRE(becomes([&] { return Clock::now() - begin > 100ms; }));
    const auto while_spinning = stalls.syscalls_of(thread);
    REQUIRE(while_spinning.has_value());
    CHECK(*while_spinning == 0); // the one with which it said that it spins had begun before

    ticker.signal(SIGUSR1);
    ticker.read_line();
    CHECK(*stalls.syscalls_of(thread) > 0);

    stalls.stop_counting(process, thread);
    CHECK_FALSE(stalls.syscalls_of(thread).has_value());
}

TEST_CASE("who is gone, or only carries the number of somebody who was meant, is neither watched nor followed") {
    NEEDS_STALLS();
    auto stalls = must(Stalls::attach(test::features()));
    auto idle = start_program("nzidle");
    const auto process = identity_of(idle.pid());
    const Identity other{.pid = process.pid, .start_ns = process.start_ns - 1};
    const ThreadId other_thread{.tid = process.pid, .start_ns = process.start_ns - 1};

    CHECK(stalls.watch(other, 1s).error().number == ESRCH);
    CHECK(stalls.follow(other, leader_of(process)).error().number == ESRCH);
    CHECK(stalls.follow(process, other_thread).error().number == ESRCH);
    CHECK(must(stalls.silences()).empty());

    REQUIRE(stalls.watch(process, 1s));
    CHECK(must(stalls.silences()).size() == 1);
    idle.signal(SIGKILL);
    REQUIRE(wait_readable(idle.pidfd(), after())); // a zombie, not reaped yet
    CHECK(must(stalls.silences()).empty());
    CHECK(stalls.watch(process, 1s).error().number == ESRCH);
    idle.wait();
    CHECK(must(stalls.silences()).empty());
    CHECK_FALSE(stalls.silence_of(process).has_value());
    CHECK(stalls.forget(process));
}

TEST_CASE("a recycled pid is not watched in place of the one that had it") {
    NEEDS_STALLS();
    if (!can_recycle_pids()) SKIP("/proc/sys/kernel/ns_last_pid can't be written");
    auto stalls = must(Stalls::attach(test::features()));
    Child recycler({program("nzrecycle"), "--name", "nzlive-1", "--second-name", "nzlive-2"});
    const auto first = identity_of(number_in(recycler.read_line(), "pid"));
    REQUIRE(stalls.watch(first, 1s));
    CHECK(must(stalls.silences()).size() == 1);

    const auto answer = recycler.ask("");
    if (answer.find("gave-up") != std::string::npos) SKIP("the pid did not come back: others forked in between");

    CHECK(must(stalls.silences()).empty());
    const auto second = identity_of(first.pid);
    CHECK(second.start_ns > first.start_ns);
    CHECK_FALSE(stalls.silence_of(second).has_value());
    REQUIRE(stalls.watch(second, 1s));
    CHECK(must(stalls.silences()).at(0).process == second);
}

TEST_CASE("who is forgotten tells nothing more") {
    NEEDS_STALLS();
    auto stalls = must(Stalls::attach(test::features()));
    auto ticker = start_program("nzticker");
    const auto process = identity_of(ticker.pid());
    REQUIRE(stalls.watch(process, 100ms));
    REQUIRE(stalls.forget(process));

    ticker.ask("pause 200");

    CHECK(told_until_now(stalls).empty());
    CHECK(must(stalls.silences()).empty());
}
