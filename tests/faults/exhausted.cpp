// What everybody needs is used up: processes, memory, descriptors. The daemon is poorer for a while, wastes nothing of
// its budgets beyond them, and goes on by itself when there is enough again.
#include "faults/cgroup.hpp"
#include "faults/stage.hpp"

#include <csignal>

#include <sys/resource.h>

using namespace nezuban::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t rounds = 4;

// The daemon and those of its helpers that are there.
void move_in(const Cgroup& group, Daemon& daemon) {
    group.add(daemon.child().pid());
    for (const auto* name : {"nezuban-spawner", "nezuban-scribe"})
        group.add(await_helper(daemon, name));
}

bool hidden_from_oom_killer(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/oom_score_adj");
    int score = 0;
    file >> score;
    return score == -1000;
}

pid_t await_other(const Daemon& daemon, const std::string& name, pid_t old) {
    return only_pid(await_rule(daemon, name, [&](const json& rule) {
        return rule["state"] == "ok" && rule["pids"].size() == 1 && rule["pids"][0] != old;
    }));
}

// Restarts that fail are tried again soon, as long as there is a budget.
const std::string impatient = "restart.delay = \"20ms\"\nrestart.delay_max = \"50ms\"\nrestart.attempts = 1000\n";

std::string patient_rule(const std::string& name, const Diary& diary, const Leash& leash) {
    return rule(name, "restart.settle = \"0s\"\n" + impatient + "restart.command = " + diary.then(detached(name, leash))
                          + "\n");
}

} // namespace

TEST_CASE("no process can be begun: restarts are tried until one can, and each is paid for and told") {
    NEEDS_DAEMON();
    INFO("NEZUBAN_SEED=" << seed());
    const Cgroup group("pids");
    if (!group.made()) SKIP("no control group for numbers of processes (version 1) can be made");
    Dice dice("pids exhausted");
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    const auto name = fresh_name();
    const Diary diary(dir.file("diary"));
    Daemon daemon(patient_rule(name, diary, leash));
    Witness witness(similar_to(name));
    daemon.start();
    auto pid = await_other(daemon, name, 0);
    move_in(group, daemon);
    const auto before = vitals_of(daemon);

    std::size_t restarts = 0;
    for (std::size_t round = 1; round <= rounds; ++round) {
        CAPTURE(round);
        // As many as there are, or a few more: too few for the command, or only for what the command begins.
        REQUIRE(group.set("pids.max",
                          std::to_string(std::stol(group.get("pids.current")) + static_cast<long>(dice.roll(2)))));
        const auto helper = dice.roll(4);
        if (helper == 0) ::kill(await_helper(daemon, "nezuban-scribe"), SIGKILL);
        if (helper == 1) ::kill(await_helper(daemon, "nezuban-spawner"), SIGKILL);
        end(pid);
        const auto old = pid;
        await_rule(daemon, name, [&](const json& rule) {
            const bool failed_often = rule["restart"]["attempts_used"].get<int>() > 3;
            return failed_often || (rule["pids"].size() == 1 && rule["pids"][0] != old); // a dead helper left room
        });
        REQUIRE(group.set("pids.max", "max"));
        pid = await_other(daemon, name, old);
        await_history(daemon, name, "exit", round);
        restarts += rule_status(daemon, name)["restart"]["attempts_used"].get<std::size_t>();
        CHECK(daemon.ask({"reset", name}).exit_code == 0);
    }
    await_history(daemon, name, "restart", restarts);
    CHECK(diary.lines() <= restarts);
    witness.check();
    check_no_leak(daemon, before);
    CHECK(daemon.stop().exit_code == 0);
}

TEST_CASE("the attempts are used up while no process can be begun: who is to be paged is as soon as one can") {
    NEEDS_DAEMON();
    INFO("NEZUBAN_SEED=" << seed());
    const Cgroup group("pids");
    if (!group.made()) SKIP("no control group for numbers of processes (version 1) can be made");
    Dice dice("pids exhausted, and attempts");
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    const auto name = fresh_name();
    const Diary diary(dir.file("diary"));
    const Diary pager(dir.file("pager"));
    Daemon daemon(rule(name, "restart.settle = \"0s\"\nrestart.delay = \"20ms\"\nrestart.delay_max = \"50ms\"\n"
                             "restart.attempts = 3\nrestart.command = "
                                 + diary.then(detached(name, leash))
                                 + "\nescalate.action = \"run\"\nescalate.command = " + pager.then({"/bin/true"})
                                 + "\n"));
    Witness witness(similar_to(name));
    daemon.start();
    auto pid = await_other(daemon, name, 0);
    move_in(group, daemon);
    const auto before = vitals_of(daemon);

    for (std::size_t round = 1; round <= rounds; ++round) {
        CAPTURE(round);
        CHECK(daemon.ask({"reset", name}).exit_code == 0);
        const auto told = history_of(daemon, name)["command_failed"];
        REQUIRE(group.set("pids.max", "1"));
        end(pid);
        await_rule(daemon, name, [&](const json& rule) { return rule["state"] == "exhausted"; });
        for (const auto deadline = after(); history_of(daemon, name)["command_failed"] <= told;)
            REQUIRE(Clock::now() < deadline);
        dice.let_pass(2s);
        CHECK(pager.lines() == round - 1);

        REQUIRE(group.set("pids.max", "max"));
        for (const auto deadline = after(); pager.lines() < round;)
            REQUIRE(Clock::now() < deadline);
        const auto old = pid;
        CHECK(daemon.ask({"reset", name}).exit_code == 0);
        pid = await_other(daemon, name, old);
        await_history(daemon, name, "escalated", round);
    }
    CHECK(pager.lines() == rounds);
    witness.check();
    check_no_leak(daemon, before);
    CHECK(daemon.stop().exit_code == 0);
}

TEST_CASE("memory is used up in the daemon's group: others are killed for it, and restarts go on") {
    NEEDS_DAEMON();
    INFO("NEZUBAN_SEED=" << seed());
    const Cgroup group("memory");
    if (!group.made()) SKIP("no control group for memory (version 1) can be made");
    Dice dice("memory exhausted");
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    const auto name = fresh_name();
    const Diary diary(dir.file("diary"));
    Daemon daemon(patient_rule(name, diary, leash));
    Witness witness(similar_to(name));
    daemon.start();
    auto pid = await_other(daemon, name, 0);
    if (!group.set("memory.limit_in_bytes", std::to_string(24UL << 20U))) SKIP("memory can't be limited here");
    const auto before = vitals_of(daemon);
    const bool hidden = hidden_from_oom_killer(daemon.child().pid());

    std::size_t falls = 0;
    for (std::size_t round = 1; round <= rounds; ++round) {
        CAPTURE(round);
        move_in(group, daemon);
        auto hog = start_program("nzhog", {"200"});
        group.add(hog.pid());
        hog.send("go");
        dice.let_pass(30ms);
        const auto old = pid;
        end(pid);
        CHECK(hog.wait().signal == SIGKILL); // by the kernel: it could not have all that
        for (const auto deadline = after(); pid == old;) {
            REQUIRE(Clock::now() < deadline);
            if (wait_readable(daemon.child().pidfd(), Clock::now())) {
                // Where the daemon may not hide it is chosen, too, and a service manager starts it again.
                CHECK_FALSE(hidden);
                daemon.start();
            }
            const auto answer = daemon.ask({"status", "--json", name});
            if (answer.exit_code != 0) continue;
            const auto rule = json::parse(answer.out)["rules"][0];
            if (rule["state"] == "ok" && rule["pids"].size() == 1 && rule["pids"][0] != old) pid = rule["pids"][0];
        }
        ++falls;
        if (hidden) await_history(daemon, name, "exit", falls); // who is killed with it has nothing to tell
        CHECK(daemon.ask({"reset", name}).exit_code == 0);
    }
    witness.check();
    CHECK(status_of(daemon)["daemon"]["history"]["ok"] == true);
    check_no_leak(daemon, before);
    CHECK(daemon.stop().exit_code == 0);
}

TEST_CASE("the daemon has no descriptor left: it tells, serves nobody for a while, and goes on when it may have more") {
    NEEDS_DAEMON();
    INFO("NEZUBAN_SEED=" << seed());
    Dice dice("descriptors exhausted");
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    const auto name = fresh_name();
    const auto crowd = fresh_name();
    const Diary diary(dir.file("diary"));
    Daemon daemon(patient_rule(name, diary, leash) + rule(crowd, "count.max = 1\ncount.over = \"stop-newest\"\n"));
    auto oldest = start_program("nzidle", {"--name", crowd});
    Witness witness(similar_to(name));
    daemon.start();
    auto pid = await_other(daemon, name, 0);
    const auto before = vitals_of(daemon);
    const auto limit = [&](rlim_t most) {
        rlimit old{};
        if (::prlimit(daemon.child().pid(), RLIMIT_NOFILE, nullptr, &old) != 0) fail_with_errno("prlimit");
        const rlimit wanted{.rlim_cur = most, .rlim_max = old.rlim_max};
        if (::prlimit(daemon.child().pid(), RLIMIT_NOFILE, &wanted, nullptr) != 0) fail_with_errno("prlimit");
        return old.rlim_cur;
    };

    for (std::size_t round = 1; round <= rounds; ++round) {
        CAPTURE(round);
        const auto enough = limit(dice.roll(2) == 0 ? 0 : before.descriptors.at("nezuban") + dice.roll(4));
        const auto fallen = open_pidfd(pid);
        REQUIRE(::kill(pid, SIGKILL) == 0);
        REQUIRE(wait_readable(fallen.get(), after()));
        Child newest({program("nzidle"), "--name", crowd}, {.ends_with_input = true}); // may never say that it is ready
        dice.let_pass(dice.roll(2) == 0 ? 200ms : 2s);
        limit(enough);
        CHECK(newest.wait().signal == SIGKILL);
        CHECK_FALSE(wait_readable(oldest.pidfd(), Clock::now()));
        const auto old = pid;
        pid = await_other(daemon, name, old);
        await_history(daemon, name, "exit", round);
        CHECK(daemon.ask({"reset", name}).exit_code == 0);
    }
    witness.check();
    check_no_leak(daemon, before);
    CHECK(daemon.stop().exit_code == 0);
}
