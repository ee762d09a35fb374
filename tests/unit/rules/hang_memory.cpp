#include "rules/hang_memory.hpp"

#include "support/waits.hpp"

#include <doctest/doctest.h>

using namespace nezuban;
using namespace nezuban::test;

namespace {

const Identity scanner{.pid = 10, .start_ns = 1};

} // namespace

TEST_CASE("a wait began when its thread left the processor, not when it was first seen") {
    HangMemory memory;
    memory.take(scan_of({WaitBuilder(scanner).in(ThreadState::uninterruptible).off_for(7s)}), Time(100s));

    CHECK(memory.thread(10)->since == Time(93s));
}

TEST_CASE("where the kernel can't tell since when, it is since it was first seen") {
    HangMemory memory;
    memory.take(scan_of({WaitBuilder(scanner).in(ThreadState::uninterruptible)}), Time(100s));
    memory.take(scan_of({WaitBuilder(scanner).in(ThreadState::uninterruptible)}), Time(101s));

    CHECK(memory.thread(10)->since == Time(100s));
    CHECK(memory.thread(10)->scans == 2);
}

TEST_CASE("one switch makes another wait of it") {
    HangMemory memory;
    memory.take(scan_of({WaitBuilder(scanner).in(ThreadState::uninterruptible).switched(7)}), Time(100s));
    memory.take(scan_of({WaitBuilder(scanner).in(ThreadState::uninterruptible).switched(8)}), Time(101s));

    CHECK(memory.thread(10)->since == Time(101s));
    CHECK(memory.thread(10)->scans == 1);
}

TEST_CASE("a lock that was not looked at this time is still the one of the same wait, and proves nothing anew") {
    HangMemory memory;
    memory.take(scan_of({WaitBuilder(scanner).waiting_for(0x1000, 11)}), Time(100s));
    WaitBuilder unexamined = WaitBuilder(scanner).waiting_for(0x1000, 11);
    unexamined.wait.lock.reset();
    memory.take(scan_of({unexamined}), Time(101s));
    REQUIRE(memory.thread(10)->last.lock);
    CHECK(memory.thread(10)->last.lock->owner_tid == 11);
    CHECK(memory.thread(10)->lock_scans == 1);

    memory.take(scan_of({WaitBuilder(scanner).waiting_for(0x1000, 11)}), Time(102s));
    CHECK(memory.thread(10)->lock_scans == 2);
}

TEST_CASE("a tid used again by another thread is nobody that was seen") {
    HangMemory memory;
    memory.take(scan_of({WaitBuilder(scanner).in(ThreadState::stopped)}), Time(100s));
    memory.take(scan_of({WaitBuilder({.pid = 10, .start_ns = 99}).in(ThreadState::stopped)}), Time(101s));

    CHECK(memory.thread(10)->scans == 1);
}

TEST_CASE("who spins is interrupted again and again, and it is one spinning; a switch of its own will ends it") {
    HangMemory memory;
    memory.take(scan_of({WaitBuilder(scanner).burning(1s)}), Time(100s));
    WaitBuilder interrupted = WaitBuilder(scanner).burning(2s);
    interrupted.wait.forced_switches = 900;
    memory.take(scan_of({interrupted}), Time(101s));
    CHECK(memory.thread(10)->scans == 2);
    CHECK(memory.thread(10)->cpu_before == 1s);

    memory.take(scan_of({interrupted.switched(8)}), Time(102s));
    CHECK(memory.thread(10)->scans == 1);
}

TEST_CASE("who isn't told of any more is forgotten, unless the scan broke off") {
    HangMemory memory;
    memory.take(scan_of({WaitBuilder(scanner).in(ThreadState::stopped)}), Time(100s));
    auto broken = scan_of({});
    broken.complete = false;
    memory.take(broken, Time(101s));
    CHECK(memory.thread(10) != nullptr);

    memory.take(scan_of({}), Time(102s));
    CHECK(memory.thread(10) == nullptr);
}

TEST_CASE("a queue of which something was taken is another queue, and one of several holders is one") {
    HangMemory memory;
    const Identity worker{.pid = 11, .start_ns = 2};
    memory.take(scan_of({}, {listening_socket(scanner, 3, 77), listening_socket(worker, 3, 77)}), Time(100s));
    memory.take(scan_of({}, {listening_socket(scanner, 5, 77), listening_socket(worker, 5, 77)}), Time(101s));
    REQUIRE(memory.sockets().size() == 1);
    CHECK(memory.sockets().begin()->second.since == Time(100s));
    CHECK(memory.sockets().begin()->second.holders.size() == 2);

    memory.take(scan_of({}, {listening_socket(scanner, 5, 78)}), Time(102s));
    CHECK(memory.sockets().begin()->second.since == Time(102s));
}

TEST_CASE("a scan that did not look at the sockets says nothing about them") {
    HangMemory memory;
    memory.take(scan_of({}, {listening_socket(scanner, 3, 77)}), Time(100s));
    auto blind = scan_of({});
    blind.sockets_seen = false;
    memory.take(blind, Time(101s));

    CHECK(memory.sockets().size() == 1);
}

TEST_CASE("time in which nobody ran does not count") {
    HangMemory memory;
    memory.gap(Time(110s), Time(170s));

    CHECK(memory.lasting(Time(100s), Time(180s)) == 20s);
    CHECK(memory.lasting(Time(120s), Time(180s)) == 10s);
    CHECK(memory.lasting(Time(175s), Time(180s)) == 5s);
}

TEST_CASE("a system call that was seen begins a new time of spinning, but not of the thread") {
    HangMemory memory;
    memory.take(scan_of({WaitBuilder(scanner).burning(1s)}), Time(100s));
    WaitBuilder calling = WaitBuilder(scanner).burning(2s);
    calling.wait.syscalls = 1;
    memory.take(scan_of({calling}), Time(101s));

    CHECK(memory.thread(10)->scans == 2);
    CHECK(memory.thread(10)->cpu_before == 1s);
    CHECK(memory.thread(10)->cpu_at_call == 2s);
    CHECK(memory.thread(10)->uncalled_since == Time(101s));
}

TEST_CASE("time that is told as missing twice is missing once") {
    HangMemory memory;
    memory.gap(Time(110s), Time(170s));
    memory.gap(Time(120s), Time(171s));
    memory.gap(Time(111s), Time(150s));

    CHECK(memory.lasting(Time(100s), Time(180s)) == 19s);
}
