// kill -9 of the daemon at any instant: of a restart, of a reload, of a storm, or of all of them at once. The next one
// finishes what was begun, does nothing twice, forgets no attempt, and touches nobody who is well.
#include "faults/stage.hpp"

#include <csignal>
#include <filesystem>

using namespace nezuban::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t rounds = 6;
constexpr int excess = 300;
constexpr int max = 20;

void kill_at_any_instant(Daemon& daemon, Dice& dice, std::chrono::microseconds at_most) {
    dice.let_pass(at_most);
    daemon.stop(SIGKILL);
}

} // namespace

TEST_CASE("killed at any instant of a restart: it is made once, and paid for once") {
    NEEDS_DAEMON();
    INFO("NEZUBAN_SEED=" << seed());
    Dice dice("killed in a restart");
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    const Service service(dir, leash);
    Daemon daemon(service.text);
    Witness witness(similar_to(service.name));
    daemon.start();
    auto pid = service.await_pid(daemon);

    for (std::size_t round = 1; round <= rounds; ++round) {
        CAPTURE(round);
        const auto fallen = open_pidfd(pid);
        // Sometimes at once, sometimes when all is over: the whole of it takes some 10 ms.
        REQUIRE(::kill(pid, SIGKILL) == 0);
        kill_at_any_instant(daemon, dice, 15ms);
        REQUIRE(wait_readable(fallen.get(), after()));
        daemon.start();
        pid = service.await_pid(daemon);
        service.check_restarts(daemon, round + 1);
    }
    witness.check();
}

TEST_CASE(
    "killed at any instant of a reload: the next daemon has the one configuration or the other, and its budgets") {
    NEEDS_DAEMON();
    INFO("NEZUBAN_SEED=" << seed());
    Dice dice("killed in a reload");
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    const Service service(dir, leash);
    const auto other = fresh_name();
    Daemon daemon(service.text);
    Witness witness(similar_to(service.name));
    daemon.start();
    auto pid = service.await_pid(daemon);
    std::size_t restarts = 1;

    for (std::size_t round = 1; round <= rounds; ++round) {
        CAPTURE(round);
        const bool falls = dice.roll(2) == 0;
        daemon.configure((round % 2 == 0 ? "" : rule(other, "count.min = 0\ncount.max = " + std::to_string(1 + round)))
                         + service.text);
        if (falls) {
            ++restarts;
            const auto fallen = open_pidfd(pid);
            REQUIRE(::kill(pid, SIGKILL) == 0);
            REQUIRE(wait_readable(fallen.get(), after()));
        }
        daemon.child().signal(SIGHUP);
        kill_at_any_instant(daemon, dice, 10ms);
        daemon.start();
        const auto now = service.await_pid(daemon);
        CHECK((now != pid) == falls);
        pid = now;
        service.check_restarts(daemon, restarts);
        CHECK(status_of(daemon)["rules"].size() == 1 + round % 2);
    }
    witness.check();
}

TEST_CASE("killed at any instant of a storm: it is held down by the next daemon, and the oldest live") {
    NEEDS_DAEMON();
    NEEDS_EVENTS();
    INFO("NEZUBAN_SEED=" << seed());
    Dice dice("killed in a storm");
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    const Service service(dir, leash);
    const auto wild = fresh_name();
    Daemon daemon(service.text
                  + rule(wild, "count.min = 0\ncount.max = " + std::to_string(max)
                                   + "\ncount.over = \"stop-newest\"\nrestart.settle = \"0s\"\n"));
    auto old = start_program("nzsleepers", {std::to_string(max), "--name", wild});
    Witness witness(similar_to(wild));
    daemon.start();
    auto pid = service.await_pid(daemon);
    const auto oldest = rule_status(daemon, wild)["pids"];
    REQUIRE(oldest.size() == max);

    for (std::size_t round = 1; round <= rounds / 2; ++round) {
        CAPTURE(round);
        auto storm = start_program("nzstorm", {std::to_string(excess), "--name", wild, "--wait"});
        storm.send("go");
        REQUIRE(::kill(pid, SIGKILL) == 0);
        kill_at_any_instant(daemon, dice, 60ms);
        daemon.start();
        pid = service.await_pid(daemon);
        CHECK(number_in(storm.read_line(), "forked") == excess);
        // All of the excess, and nobody else.
        for (const auto deadline = after(); number_in(storm.ask(""), "reaped") < excess;)
            REQUIRE(Clock::now() < deadline);
        const auto status = await_rule(daemon, wild, [](const json& rule) { return rule["state"] == "ok"; });
        CHECK(status["pids"] == oldest);
        service.check_restarts(daemon, round + 1);
        storm.close_input();
        storm.wait();
    }
    witness.check();
}
