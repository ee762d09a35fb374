#include "app/scan_pace.hpp"

#include "app/doctor_scan.hpp"

#include <doctest/doctest.h>

using namespace nezuban;
using namespace std::chrono_literals;

TEST_CASE("a cheap scan comes as often as it is asked for") {
    CHECK(next_thread_scan_after(1s, 100us) == 1s);
    CHECK(next_socket_scan_after(1s, 100us) == 1s);
    CHECK(next_thread_scan_after(30s, 16ms) == 30s);
}

TEST_CASE("a costly one comes so seldom that both together stay within a hundredth of a core") {
    // Given 20,000 processes, of which one look takes so long
    const Duration threads = 15ms;
    const Duration sockets = 30ms;

    // when it is asked for each second
    const auto threads_every = next_thread_scan_after(1s, threads);
    const auto sockets_every = next_socket_scan_after(1s, sockets);

    // then deadlocks are still looked for every few seconds, and all of it takes less than a hundredth.
    CHECK(threads_every == 2400ms);
    CHECK(sockets_every == 8100ms);
    const ScanCost cost{
        .threads = threads, .sockets = sockets, .threads_every = threads_every, .sockets_every = sockets_every};
    CHECK(cost.share() == doctest::Approx(0.9954).epsilon(0.001));
}

TEST_CASE("what is not looked at costs nothing") {
    const ScanCost cost{
        .threads = 1ms, .sockets = 1ms, .threads_every = 1s, .sockets_every = 1s, .sockets_seen = false};
    CHECK(cost.share() == doctest::Approx(0.1));
}
