// A helper stands still for a while, as under a debugger or in a frozen control group: what it was asked for is done
// once when it goes on, and no second copy of a service is started.
#include "faults/stage.hpp"

#include <csignal>

using namespace nezuban::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t rounds = 4;

} // namespace

TEST_CASE("the spawner stands still longer than a command may take: what it starts afterwards is no second copy") {
    NEEDS_DAEMON();
    INFO("NEZUBAN_SEED=" << seed());
    Dice dice("stopped spawner");
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    const Service service(dir, leash, "restart.timeout = \"200ms\"\nrestart.delay_max = \"50ms\"\n");
    Daemon daemon(service.text);
    Witness witness(similar_to(service.name));
    daemon.start();
    auto pid = service.await_pid(daemon);
    const auto before = vitals_of(daemon);

    for (std::size_t round = 1; round <= rounds; ++round) {
        CAPTURE(round);
        const auto spawner = helper_of(daemon, "nezuban-spawner");
        const auto used = rule_status(daemon, service.name)["restart"]["attempts_used"].get<int>();
        REQUIRE(::kill(spawner, SIGSTOP) == 0);
        end(pid);
        const auto failures = 1 + static_cast<int>(dice.roll(3));
        await_rule(daemon, service.name,
                   [&](const json& rule) { return rule["restart"]["attempts_used"].get<int>() > used + failures; });
        dice.let_pass(250ms);
        REQUIRE(::kill(spawner, SIGCONT) == 0);
        const auto old = pid;
        pid = only_pid(await_rule(daemon, service.name, [&](const json& rule) {
            return rule["state"] == "ok" && !rule["pids"].empty() && rule["pids"][0] != old;
        }));
        // What was asked for before has had its turn by the time that this is done.
        CHECK(only_pid(rule_status(daemon, service.name)) == pid);
    }
    await_history(daemon, service.name, "exit", rounds);
    witness.check();
    check_no_leak(daemon, before);
    CHECK(daemon.stop().exit_code == 0);
}
