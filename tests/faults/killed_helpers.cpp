// kill -9 of the daemon's helpers at any instant of a restart: they are replaced, nothing is made twice, and nothing
// that was told before is lost.
#include "faults/stage.hpp"

#include <csignal>

using namespace nezuban::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t rounds = 12;

// Of our daemon, if it has one of them just now.
void kill_helper(Daemon& daemon, const std::string& name) {
    try {
        ::kill(helper_of(daemon, name), SIGKILL);
    } catch (const std::runtime_error&) {
        // Its successor isn't there yet.
    }
}

} // namespace

TEST_CASE("helpers are killed at any instant: restarts are made, none of them twice, and the history has no gap") {
    NEEDS_DAEMON();
    INFO("NEZUBAN_SEED=" << seed());
    Dice dice("killed helpers");
    const std::vector<std::string> helpers{"nezuban-scribe",  "nezuban-spawner", "nezuban-spawner",
                                           "nezuban-examine", "nezuban-probe",   "nezuban-args"};
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    const Service service(dir, leash);
    // Beside the service, rules for which each of the helpers is needed: the examiner looks at a file whoever else
    // waits on this machine or not.
    Daemon daemon(
        service.text + rule(fresh_name(), "count.min = 0\nready.tcp = \"127.0.0.1:9\"\nrestart.command = [\"true\"]")
        + rule(fresh_name(),
               "count.min = 0\nhang.heartbeat = \"1h\"\nhang.heartbeat_file = \"" + dir.file("beat") + "\"")
        + "[[process]]\nname = \"" + fresh_name() + "\"\nmatch.args = [\"--nobody-has-it\"]\ncount.min = 0\n");
    Witness witness(similar_to(service.name));
    daemon.start();
    for (const auto& helper : helpers)
        REQUIRE(await_helper(daemon, helper) > 0);
    auto pid = service.await_pid(daemon);
    const auto before = vitals_of(daemon);

    for (std::size_t round = 1; round <= rounds; ++round) {
        CAPTURE(round);
        const auto fallen = open_pidfd(pid);
        const auto& helper = dice.pick(helpers);
        CAPTURE(helper);
        const bool before_the_fall = dice.roll(3) == 0;
        if (before_the_fall) kill_helper(daemon, helper);
        REQUIRE(::kill(pid, SIGKILL) == 0);
        dice.let_pass(2ms);
        if (!before_the_fall) kill_helper(daemon, helper);
        REQUIRE(wait_readable(fallen.get(), after()));
        const auto old = pid;
        pid = only_pid(await_rule(daemon, service.name, [&](const json& rule) {
            return rule["state"] == "ok" && rule["pids"].size() == 1 && rule["pids"][0] != old;
        }));
        await_history(daemon, service.name, "exit", round);
    }

    // An attempt whose spawner died may have cost one more; a command without an attempt there never was.
    const auto used = rule_status(daemon, service.name)["restart"]["attempts_used"].get<std::size_t>();
    CHECK(used >= rounds + 1);
    CHECK(service.diary.lines() == rounds + 1);
    await_history(daemon, service.name, "restart", used);
    witness.check();
    check_no_leak(daemon, before);
    CHECK(daemon.stop().exit_code == 0);
}
