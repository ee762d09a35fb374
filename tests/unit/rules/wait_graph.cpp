#include "rules/wait_graph.hpp"

#include "support/waits.hpp"

#include <doctest/doctest.h>

using namespace nezuban;
using namespace nezuban::test;

namespace {

const Identity scanner{.pid = 10, .start_ns = 1};
const Identity store{.pid = 20, .start_ns = 2};

using Tids = std::vector<std::uint32_t>;

// Looked at so many times, a second apart, with nobody moving.
struct Scene {
    explicit Scene(const std::vector<ThreadWait>& threads, int scans = 2) {
        for (int i = 0; i < scans; ++i) {
            memory.take(scan_of(threads), Time(100s + i * 1s));
        }
    }
    HangMemory memory;
    [[nodiscard]] WaitGraph graph() const {
        return WaitGraph(memory.threads());
    }
};

} // namespace

TEST_CASE("two threads that wait for each other are a cycle once they were seen so twice") {
    const std::vector<ThreadWait> threads{WaitBuilder(scanner, 11).waiting_for(0x1000, 12),
                                          WaitBuilder(scanner, 12).waiting_for(0x2000, 11)};

    const Scene once(threads, 1);
    CHECK(once.graph().cycles().empty());
    CHECK(once.graph().unconfirmed());

    const Scene twice(threads, 2);
    REQUIRE(twice.graph().cycles().size() == 1);
    CHECK(twice.graph().cycles().front() == Tids{11, 12});
    CHECK_FALSE(twice.graph().unconfirmed());
}

TEST_CASE("a cycle may lead through three threads of two processes, and begins with the smallest") {
    const Scene scene({WaitBuilder(store, 23).waiting_for(0x1000, 11), WaitBuilder(scanner, 12).waiting_for(0x2000, 23),
                       WaitBuilder(scanner, 11).waiting_for(0x3000, 12)});

    REQUIRE(scene.graph().cycles().size() == 1);
    CHECK(scene.graph().cycles().front() == Tids{11, 12, 23});
}

TEST_CASE("a thread that waits for a lock of its own is a cycle of one") {
    const Scene scene({WaitBuilder(scanner, 11).waiting_for(0x1000, 11)});

    REQUIRE(scene.graph().cycles().size() == 1);
    CHECK(scene.graph().cycles().front() == Tids{11});
}

TEST_CASE("a circle in which somebody moved between the looks is none") {
    HangMemory memory;
    memory.take(
        scan_of({WaitBuilder(scanner, 11).waiting_for(0x1000, 12), WaitBuilder(scanner, 12).waiting_for(0x2000, 11)}),
        Time(100s));
    memory.take(scan_of({WaitBuilder(scanner, 11).waiting_for(0x1000, 12),
                         WaitBuilder(scanner, 12).switched(8).waiting_for(0x2000, 11)}),
                Time(101s));

    const WaitGraph graph(memory.threads());
    CHECK(graph.cycles().empty());
    CHECK(graph.unconfirmed());
}

TEST_CASE("a circle in which a lock changed hands without a switch is none") {
    HangMemory memory;
    memory.take(
        scan_of({WaitBuilder(scanner, 11).waiting_for(0x1000, 13), WaitBuilder(scanner, 12).waiting_for(0x2000, 11)}),
        Time(100s));
    memory.take(
        scan_of({WaitBuilder(scanner, 11).waiting_for(0x1000, 12), WaitBuilder(scanner, 12).waiting_for(0x2000, 11)}),
        Time(101s));

    CHECK(WaitGraph(memory.threads()).cycles().empty());
}

TEST_CASE("a circle with a wait that has a time limit ends by itself and is no deadlock") {
    const Scene scene({WaitBuilder(scanner, 11).waiting_for(0x1000, 12).at_most(0x7ffe0000),
                       WaitBuilder(scanner, 12).waiting_for(0x2000, 11)});

    CHECK(scene.graph().cycles().empty());
    CHECK_FALSE(scene.graph().unconfirmed());
}

TEST_CASE("the frozen are not hung, and neither is who waits with them in a circle") {
    const Scene scene(
        {WaitBuilder(scanner, 11).waiting_for(0x1000, 12).frozen(), WaitBuilder(scanner, 12).waiting_for(0x2000, 11)});

    CHECK(scene.graph().cycles().empty());
}

TEST_CASE("a chain ends at who holds everything up, and he is told of who waits for him") {
    const Scene scene(
        {WaitBuilder(scanner, 11).waiting_for(0x1000, 12), WaitBuilder(scanner, 12).waiting_for(0x2000, 13),
         WaitBuilder(scanner, 14).waiting_for(0x2000, 13), WaitBuilder(scanner, 13).in(ThreadState::uninterruptible)});

    const auto graph = scene.graph();
    CHECK(graph.root_of(11) == 13);
    CHECK(graph.root_of(14) == 13);
    CHECK(graph.root_of(13) == 0);
    CHECK(graph.waiting_for(13) == Tids{11, 12, 14});
    CHECK(graph.strangers().empty());
}

TEST_CASE("who waits behind a cycle waits for its first thread, and isn't of it") {
    const Scene scene({WaitBuilder(scanner, 11).waiting_for(0x1000, 12),
                       WaitBuilder(scanner, 12).waiting_for(0x2000, 11),
                       WaitBuilder(scanner, 15).waiting_for(0x2000, 12)});

    const auto graph = scene.graph();
    CHECK(graph.root_of(15) == 11);
    CHECK(graph.waiting_for(11) == Tids{15});
    CHECK(graph.cycle_of(12) == 0);
    CHECK_FALSE(graph.cycle_of(15));
    CHECK(graph.may_be_deadlock(11));
    CHECK(graph.may_be_deadlock(15));
}

TEST_CASE("an owner that no scan has told of is a stranger, to be asked for") {
    const Scene scene({WaitBuilder(scanner, 11).waiting_for(0x1000, 77)});

    CHECK(scene.graph().strangers() == Tids{77});
    CHECK(scene.graph().root_of(11) == 77);
}

TEST_CASE("a lock of which nobody knows the owner leads nowhere") {
    const Scene scene({WaitBuilder(scanner, 11).waiting_for(0x1000, 0, LockKind::unknown)});

    CHECK(scene.graph().root_of(11) == 0);
    CHECK(scene.graph().cycles().empty());
}

TEST_CASE("who was missed by a scan that broke off may have gone on, and closes no circle") {
    HangMemory memory;
    const WaitBuilder waiting = WaitBuilder(scanner, 12).waiting_for(0x2000, 11);
    memory.take(scan_of({waiting}), Time(100s));
    memory.take(scan_of({waiting}), Time(101s));
    auto broken = scan_of({WaitBuilder(scanner, 11).waiting_for(0x1000, 12)});
    broken.complete = false;
    memory.take(broken, Time(102s));
    CHECK_FALSE(WaitGraph(memory.threads()).unconfirmed());
    memory.take(broken, Time(103s));

    CHECK(WaitGraph(memory.threads()).cycles().empty());
    CHECK(memory.thread(12) == nullptr);
}

TEST_CASE("a chain as long as there are threads has one end") {
    std::vector<ThreadWait> threads;
    for (std::uint32_t tid = 100; tid < 20'100; ++tid) {
        threads.push_back(WaitBuilder(scanner, tid).waiting_for(0x1000, tid - 1));
    }
    const Scene scene(threads, 1);
    const auto graph = scene.graph();

    CHECK(graph.root_of(20'099) == 99);
    CHECK(graph.waiting_for(99).size() == 20'000);
    CHECK(graph.strangers() == Tids{99});
}

TEST_CASE("a thread whose number is nobody's, as a record may tell of one, is the end of its own chain") {
    const Scene scene({WaitBuilder(scanner, 0), WaitBuilder(scanner, 11).waiting_for(0x1000, 12)});

    CHECK(scene.graph().root_of(0) == 0);
    CHECK(scene.graph().root_of(11) == 12);
}
