// The machine's date is stepped, by a second or by years, forwards and back: what has a span of time in it still means
// the same, and no daemon that comes after knows it otherwise.
#include "faults/stage.hpp"

#include <csignal>
#include <cstdlib>

#include <time.h>

using namespace nezuban::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t rounds = 6;

std::int64_t seconds_of(clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return now.tv_sec;
}

// The date, which is right again afterwards.
class Date {
public:
    Date() : ahead_(seconds_of(CLOCK_REALTIME) - seconds_of(CLOCK_MONOTONIC)) {}
    ~Date() {
        set(ahead_);
    }
    Date(const Date&) = delete;
    Date& operator=(const Date&) = delete;
    Date(Date&&) = delete;
    Date& operator=(Date&&) = delete;

    [[nodiscard]] bool step(std::int64_t seconds) const {
        return set(ahead_ + seconds);
    }

private:
    static bool set(std::int64_t ahead) {
        const timespec date{.tv_sec = seconds_of(CLOCK_MONOTONIC) + ahead, .tv_nsec = 0};
        return ::clock_settime(CLOCK_REALTIME, &date) == 0;
    }
    std::int64_t ahead_; // of the time since the machine's start
};

} // namespace

TEST_CASE("the clock is stepped: times that were kept still mean the same") {
    NEEDS_DAEMON();
    // It belongs to the whole machine, and a time namespace has a monotonic clock of its own, but no other date.
    if (std::getenv("NEZUBAN_OWN_MACHINE") == nullptr)
        SKIP("the date can't be stepped for a test alone; scripts/vm/run does it in a machine of the test's own");
    INFO("NEZUBAN_SEED=" << seed());
    Dice dice("clock stepped");
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    const Service service(dir, leash);
    const auto paused = fresh_name();
    Daemon daemon(service.text + rule(paused));
    Witness witness(similar_to(service.name));
    daemon.start();
    auto pid = service.await_pid(daemon);
    REQUIRE(daemon.ask({"pause", paused, "--for", "1h"}).exit_code == 0);
    const auto is_paused = [&] { CHECK(rule_status(daemon, paused)["state"] == "paused"); };
    is_paused();

    const Date date;
    std::size_t falls = 0;
    const std::vector<std::size_t> spans{2, 4'000, 100'000, 300'000'000}; // up to ten years
    for (std::size_t round = 1; round <= rounds; ++round) {
        CAPTURE(round);
        const auto span = static_cast<std::int64_t>(dice.roll(dice.pick(spans)));
        CAPTURE(span);
        REQUIRE(date.step(dice.roll(2) == 0 ? span : -span));
        CHECK(rule_status(daemon, service.name)["restart"]["attempts_used"] == falls + 1);
        is_paused();
        if (dice.roll(2) == 0) {
            daemon.stop(dice.roll(2) == 0 ? SIGKILL : SIGTERM);
            daemon.start();
            is_paused();
        }
        CHECK(service.await_pid(daemon) == pid);
        end(pid);
        pid = service.await_pid(daemon);
        ++falls;
        CHECK(service.diary.lines() == falls + 1);
    }
    service.check_restarts(daemon, falls + 1);
    witness.check();
    CHECK(daemon.stop().exit_code == 0);
}
