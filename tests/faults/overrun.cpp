// The daemon can't keep up: its ring is far too small, or it isn't run at all. It says so, finds out what it has
// missed, and takes nobody for hung who was only not seen.
#include "e2e/hang_stage.hpp"
#include "faults/stage.hpp"

#include <csignal>
#include <cstdlib>

using namespace nezuban::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t rounds = 4;
constexpr long leak_events = 60'000; // NEZUBAN_EVENTS: another number

long wanted_events() {
    const char* text = std::getenv("NEZUBAN_EVENTS");
    return text == nullptr ? leak_events : std::max(1L, std::atol(text));
}

pid_t await_other(const Daemon& daemon, const std::string& name, pid_t old) {
    return only_pid(await_rule(daemon, name, [&](const json& rule) {
        return rule["state"] == "ok" && rule["pids"].size() == 1 && rule["pids"][0] != old;
    }));
}

} // namespace

TEST_CASE("a ring far too small overflows again and again: counts are right afterwards, and restarts are made once") {
    NEEDS_DAEMON();
    NEEDS_EVENTS();
    INFO("NEZUBAN_SEED=" << seed());
    Dice dice("ring too small");
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    const Service service(dir, leash);
    const auto crowd = fresh_name();
    Daemon daemon(service.text + rule(crowd, "count.min = 0"), "ring_size = \"4KiB\"");
    Witness witness(similar_to(service.name));
    daemon.start();
    auto pid = service.await_pid(daemon);
    const auto before = vitals_of(daemon);

    for (std::size_t round = 1; round <= rounds; ++round) {
        CAPTURE(round);
        daemon.child().signal(SIGSTOP);
        auto churn = start_program("nzchurn", {"20", "--most", std::to_string(300 + dice.roll(300))});
        CHECK(number_in(churn.read_line(), "succeeded") >= 300);
        REQUIRE(::kill(pid, SIGKILL) == 0);
        const auto size = 1 + dice.roll(20);
        auto members = start_program("nzsleepers", {std::to_string(size), "--name", crowd});
        if (dice.roll(2) == 0) {
            auto more = start_program("nzchurn", {"20", "--most", "300"});
            more.read_line();
        }
        daemon.child().signal(SIGCONT);
        pid = await_other(daemon, service.name, pid);
        await_rule(daemon, crowd, [&](const json& rule) { return rule["count"] == size; });
        members.close_input();
        members.wait();
        await_rule(daemon, crowd, [&](const json& rule) { return rule["count"] == 0; });
    }
    const auto status = status_of(daemon)["daemon"];
    CHECK(status["events_lost"] > 0);
    CHECK(status["resyncs"] > 0);
    await_history(daemon, service.name, "exit", rounds);
    service.check_restarts(daemon, rounds + 1);
    witness.check();
    check_no_leak(daemon, before);
    CHECK(daemon.stop().exit_code == 0);
}

TEST_CASE(
    "the daemon is stopped for long: nobody who is well is taken for hung, and what fell meanwhile is restarted") {
    NEEDS_DAEMON();
    INFO("NEZUBAN_SEED=" << seed());
    Dice dice("stopped daemon");
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    const Service service(dir, leash);
    const auto ticking = fresh_name();
    Daemon daemon(
        service.text
        + hang_rule(ticking, "hang.silent = \"2s\"\nhang.stopped = \"2s\"\nhang.uninterruptible = \"2s\"",
                    "hang.action = \"restart\"\nrestart.kill_after = \"50ms\"\nrestart.command = [\"/bin/true\"]\n"));
    Actor ticker("nzstuck", {"silent"}, ticking);
    Witness witness(similar_to(service.name));
    daemon.start();
    auto pid = service.await_pid(daemon);
    // Somebody who really is stopped is told: all that finds hangs is at work.
    std::set<pid_t> stopped;
    Events events(daemon);
    const auto prove = [&] {
        auto sleeper = start_program("nzidle", {"--name", ticking});
        stopped.insert(sleeper.pid());
        sleeper.signal(SIGSTOP);
        events.await([&](const json& event) { return event["event"] == "hang" && event["pid"] == sleeper.pid(); });
        CHECK(sleeper.wait().signal != 0);
    };
    prove();
    const auto before = vitals_of(daemon);

    // A minute with one seed of twenty; else long enough for each of those findings.
    const auto span = std::chrono::seconds(seed() % 20 == 7 ? 60 : 3 + dice.roll(4));
    daemon.child().signal(SIGSTOP);
    REQUIRE(::kill(pid, SIGKILL) == 0);
    CHECK_FALSE(wait_readable(daemon.child().pidfd(), after(span))); // nothing else ends the time
    daemon.child().signal(SIGCONT);

    pid = await_other(daemon, service.name, pid);
    prove(); // so scans have been since
    for (const auto& line : events.seen()) {
        const auto event = json::parse(line);
        CHECK((event["event"] != "hang" || stopped.contains(event["pid"].get<pid_t>())));
    }
    CHECK(ticker.tell("stop").at("event") != "error");
    await_history(daemon, service.name, "exit", 1);
    service.check_restarts(daemon, 2);
    witness.check();
    check_no_leak(daemon, before);
    CHECK(daemon.stop().exit_code == 0);
}

TEST_CASE("after very many events the daemon holds no more than before") {
    NEEDS_DAEMON();
    NEEDS_EVENTS();
    INFO("NEZUBAN_SEED=" << seed());
    Dice dice("very many events");
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    const Service service(dir, leash);
    const auto crowd = fresh_name();
    Daemon daemon(service.text + "[[process]]\nname = \"" + crowd + "\"\nmatch.exe = \"" + program("nztrue")
                  + "\"\ncount.min = 0\ncount.max = 1000\n");
    Witness witness(similar_to(service.name));
    daemon.start();
    (void)service.await_pid(daemon);
    auto first = start_program("nzchurn", {"100", "--most", "2000"});
    first.read_line();
    const auto before = vitals_of(daemon);
    const auto seen = status_of(daemon)["daemon"]["events_received"].get<long>();

    const auto wanted = wanted_events();
    for (long received = 0; received < wanted;) {
        auto churn = start_program("nzchurn", {"100", "--workers", std::to_string(1 + dice.roll(4)), "--most", "5000"});
        CHECK(number_in(churn.read_line(after(100s)), "succeeded") == 5000);
        received = status_of(daemon)["daemon"]["events_received"].get<long>() - seen;
    }
    await_rule(daemon, crowd, [](const json& rule) { return rule["count"] == 0; });
    service.check_restarts(daemon, 1);
    witness.check();
    check_no_leak(daemon, before);
    CHECK(daemon.stop().exit_code == 0);
}
