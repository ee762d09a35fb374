// More happens than the ring can hold.
#include "live/lab.hpp"

#include <nezuban/events.h>

using namespace nezuban;
using namespace nezuban::test;

TEST_CASE("with a ring that is too small, losses are told by kind and counts are right again after the resync") {
    NEEDS_BPF();
    NEEDS_EVENTS();
    auto sleepers = start_program("nzsleepers", {"5", "--name", "nzlive-s"});
    Lab lab({rule_of("s", {.comm = "nzlive-s"})}, 4096);
    lab.pump_until([&] { return lab.pids().size() == 5; });

    // 300 births that nobody reads meanwhile: some 50 fit.
    auto more = start_program("nzsleepers", {"300", "--name", "nzlive-s"});
    (void)lab.await<EventsLost>([](const EventsLost& event) { return event.by_kind[0] + event.of_unknown_kind > 0; });
    lab.pump_until([&] { return lab.lost_in_ring() > 100; });

    // The last of them may have been renamed, and that lost, while the first list was read: then there is another one.
    lab.pump_until([&] { return lab.engine().view(monotonic_now()).resyncs >= 1 && lab.pids().size() == 305; });
    CHECK(lab.engine().view(monotonic_now()).events_lost >= lab.lost_in_ring());
}

TEST_CASE("with the default ring nothing of a storm is lost") {
    NEEDS_BPF();
    Lab lab({rule_of("storm", {.comm = "nzlive-w"})});
    auto storm = start_program("nzsleepers", {"2000", "--name", "nzlive-w"});
    // Where the kernel skips runs of our programs (7.2), that is told, and mended by a comparison.
    lab.pump_until([&] { return lab.pids().size() == 2000; });
    CHECK(lab.lost_in_ring() == 0);
    if (const auto skipped = lab.engine().view(monotonic_now()).events_lost; skipped > 0)
        MESSAGE("skipped by the kernel, told and mended: " << skipped);

    storm.close_input();
    lab.pump_until([&] { return lab.pids().empty(); });
    CHECK(lab.lost_in_ring() == 0);
}

TEST_CASE("who changes his name as fast as he can sends few records, and his last name is known by a comparison") {
    NEEDS_BPF();
    NEEDS_PROGRAMS("who renames himself too often to be told each time");
    auto butterfly = start_program("nzidle");
    Lab lab({rule_of("last", {.comm = "nzlive-last"})});
    const auto pid = static_cast<std::uint32_t>(butterfly.pid());

    // When he does so for some windows of what is told
    const auto begin = Clock::now();
    butterfly.ask("flutter nzlive-last");
    lab.pump_until([&] { return Clock::now() - begin > std::chrono::milliseconds(500); });
    butterfly.ask("");
    const auto windows = (Clock::now() - begin) / std::chrono::nanoseconds(NZ_CHANGES_NS) + 1;

    // then each window told so many at most, though there were thousands,
    lab.pump_until([&] { return lab.counts(butterfly.pid()); });
    const auto changes = std::ranges::count_if(lab.events(), [&](const Event& event) {
        const auto* change = std::get_if<Changed>(&event);
        return change != nullptr && change->process.id.pid == pid;
    });
    CHECK(changes >= NZ_CHANGES_TOLD);
    CHECK(changes <= windows * NZ_CHANGES_TOLD);
    // and nobody else's record was lost for them.
    CHECK(lab.lost_in_ring() == 0);
}

TEST_CASE("a comparison in the middle of a storm neither loses nor revives anybody") {
    NEEDS_BPF();
    Lab lab({rule_of("churned", {.comm = "nztrue"})});
    Child churn({program("nzchurn"), "2"}, {.ends_with_input = true});
    while (!wait_readable(churn.pidfd(), Clock::now())) {
        lab.compare();
    }
    churn.wait();
    lab.compare();
    CHECK(lab.pids().empty());
}
