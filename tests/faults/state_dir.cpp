// The disk under the state directory is full, or the directory is gone, at any instant: restarts go on, and what
// happened meanwhile is in the history as soon as there is a disk again.
#include "faults/stage.hpp"
#include "support/small_disk.hpp"

#include <csignal>

using namespace nezuban::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t rounds = 4;

} // namespace

TEST_CASE("the disk is full again and again: restarts go on, and nothing that happened is missing afterwards") {
    NEEDS_DAEMON();
    INFO("NEZUBAN_SEED=" << seed());
    Dice dice("disk full");
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    const SmallDisk disk(dir.file("disk"), std::to_string(300 + dice.roll(700)) + "k");
    if (!disk.mounted()) SKIP("can't mount a tmpfs");
    const Service service(dir, leash);
    Daemon daemon(service.text);
    std::filesystem::create_directory_symlink(dir.file("disk"), daemon.dir().file("state"));
    Witness witness(similar_to(service.name));
    if (dice.roll(2) == 0) disk.fill(); // from the first moment on
    daemon.start();
    auto pid = service.await_pid(daemon);
    disk.make_room();
    await_history(daemon, service.name, "restart", 1);
    const auto before = vitals_of(daemon);

    std::size_t falls = 0;
    for (std::size_t round = 1; round <= rounds; ++round) {
        CAPTURE(round);
        const bool at_once = dice.roll(2) == 0;
        if (at_once) disk.fill();
        for (std::size_t fall = 1 + dice.roll(5); fall > 0; --fall) {
            ++falls;
            end(pid);
            pid = service.await_pid(daemon);
            if (!at_once && fall == 2) disk.fill();
        }
        if (dice.roll(3) == 0) {
            // Another daemon, in the middle of it, knows what this one knew, as far as the disk took it.
            disk.make_room();
            await_history(daemon, service.name, "exit", falls);
            daemon.stop(SIGKILL);
            disk.fill();
            daemon.start();
            CHECK(service.await_pid(daemon) == pid);
        }
        disk.make_room();
        await_history(daemon, service.name, "exit", falls);
    }
    service.check_restarts(daemon, falls + 1);
    witness.check();
    check_no_leak(daemon, before);
    CHECK(daemon.stop().exit_code == 0);
}

TEST_CASE("the state directory is read-only for some daemons: restarts go on within their budgets, and all is written "
          "later") {
    NEEDS_DAEMON();
    INFO("NEZUBAN_SEED=" << seed());
    Dice dice("state directory read-only");
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    const SmallDisk disk(dir.file("disk"), "4m");
    if (!disk.mounted()) SKIP("can't mount a tmpfs");
    const Service service(dir, leash);
    Daemon daemon(service.text);
    std::filesystem::create_directory_symlink(dir.file("disk"), daemon.dir().file("state"));
    Witness witness(similar_to(service.name));
    daemon.start();
    auto pid = service.await_pid(daemon);
    await_history(daemon, service.name, "restart", 1);

    std::size_t falls = 0;
    for (std::size_t round = 1; round <= rounds; ++round) {
        CAPTURE(round);
        daemon.stop(dice.roll(2) == 0 ? SIGKILL : SIGTERM);
        await_scribe(daemon);
        REQUIRE(disk.read_only(true));
        auto more = dice.roll(4);
        if (dice.roll(2) == 0) { // it falls while nobody watches
            ++falls;
            end(pid);
        }
        daemon.start();
        pid = service.await_pid(daemon);
        for (; more > 0; --more) {
            ++falls;
            end(pid);
            pid = service.await_pid(daemon);
        }
        dice.let_pass(300ms);
        REQUIRE(disk.read_only(false));
        await_history(daemon, service.name, "restart", falls + 1);
    }
    service.check_restarts(daemon, falls + 1);
    witness.check();
    CHECK(daemon.stop().exit_code == 0);
}

TEST_CASE("the state directory is gone at any instant: restarts go on, and there is a history again, of what comes") {
    NEEDS_DAEMON();
    INFO("NEZUBAN_SEED=" << seed());
    Dice dice("state directory gone");
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    const Service service(dir, leash);
    Daemon daemon(service.text);
    Witness witness(similar_to(service.name));
    daemon.start();
    auto pid = service.await_pid(daemon);
    await_history(daemon, service.name, "restart", 1);
    const auto before = vitals_of(daemon);

    std::size_t restarts = 1;
    for (std::size_t round = 1; round <= rounds; ++round) {
        CAPTURE(round);
        const auto state = std::filesystem::path(daemon.dir().file("state"));
        const auto how = dice.roll(3);
        CAPTURE(how);
        if (how == 0) std::filesystem::remove_all(state);
        if (how == 1) std::filesystem::rename(state, state.string() + "-" + std::to_string(round));
        if (how == 2) std::filesystem::remove(state / "history.db");
        ++restarts;
        end(pid);
        pid = service.await_pid(daemon);
        CHECK(service.diary.lines() == restarts);
        CHECK(rule_status(daemon, service.name)["restart"]["attempts_used"] == restarts);
        // What happens from now on is told again, as soon as who writes it has found out and begun anew.
        for (const auto deadline = after(); !std::filesystem::exists(state / "history.db");)
            REQUIRE(Clock::now() < deadline);
        Events events(daemon);
        events.await(service.name, "recovered");
    }
    witness.check();
    check_no_leak(daemon, before);
    // And what was spent is known to the next one.
    daemon.stop(SIGKILL);
    daemon.start();
    CHECK(rule_status(daemon, service.name)["restart"]["attempts_used"] == restarts);
    CHECK(only_pid(rule_status(daemon, service.name)) == pid);
}
