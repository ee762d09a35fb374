// The state directory: damaged, full, taken.
#include "e2e/stage.hpp"
#include "support/small_disk.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>

#include <unistd.h>

using namespace nezuban::test;

namespace {

// A daemon with this configuration that refuses to run: what it says.
std::string refused(const std::string& config) {
    Child child({nezuban_binary(), "run", "-c", config}, {.own_errors = true});
    const auto errors = child.errors().rest(after());
    CHECK(child.wait().exit_code == 1);
    return errors;
}

bool mentions(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("a history that is no database is set aside, said, and begun anew") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(rule(name, "count.min = 0"));
    std::filesystem::create_directory(daemon.dir().file("state"));
    daemon.dir().write("state/history.db", std::string(10'000, '?'));

    daemon.start();

    await_log(daemon, "set aside");
    Events events(daemon);
    events.await("", "daemon_start");
    CHECK(daemon.ask({"pause", name}).exit_code == 0);
    events.await(name, "paused");
    CHECK(mentions(daemon.log(), "budgets and pauses of the last run are lost"));
    std::size_t aside = 0;
    for (const auto& entry : std::filesystem::directory_iterator(daemon.dir().file("state")))
        if (mentions(entry.path().filename().string(), "history.db.corrupt-")) ++aside;
    CHECK(aside == 1);
    CHECK(status_of(daemon)["daemon"]["history"]["ok"] == true);
}

TEST_CASE("a full disk is said; monitoring goes on, and what was missed is written when there is room") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    Mailbox mail(dir.file("mail"));
    const SmallDisk disk(dir.file("disk"), "1m");
    if (!disk.mounted()) SKIP("can't mount a tmpfs");
    const auto words = detached(name, leash, {mail.path()});
    Daemon daemon(
        rule(name, "restart.settle = \"0s\"\nrestart.command = " + script("exec >$1; shift; exec \"$@\"", words)));
    std::filesystem::create_directory_symlink(dir.file("disk"), daemon.dir().file("state"));
    disk.fill();
    auto service = start_program("nzidle", {"--name", name});

    daemon.start();
    await_log(daemon, "monitoring goes on");
    service.signal(SIGKILL);

    const auto pid = number_in(mail.next(), "pid");
    auto status = await_rule(daemon, name, [](const json& rule) { return rule["state"] == "ok"; });
    CHECK(only_pid(status) == pid);
    const auto history = status_of(daemon)["daemon"]["history"];
    CHECK(history["ok"] == false);
    CHECK(history["error"].get<std::string>() != "");
    CHECK(mentions(daemon.ask({"status"}).out, "history"));

    disk.make_room();
    await_log(daemon, "written again");
    Events events(daemon);
    events.await(name, "exit");
    events.await(name, "restart");
    events.await(name, "recovered");
}

TEST_CASE("a state directory that can't be written any more is no reason not to watch: what was spent is known, and "
          "written later") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    const SmallDisk disk(dir.file("disk"), "1m");
    if (!disk.mounted()) SKIP("can't mount a tmpfs");
    Daemon daemon(rule(name, "restart.settle = \"0s\"\nrestart.command = " + command(detached(name, leash))));
    std::filesystem::create_directory_symlink(dir.file("disk"), daemon.dir().file("state"));
    const auto well_after = [&](std::size_t restarts) {
        const auto status = await_rule(daemon, name, [&](const json& rule) {
            return rule["state"] == "ok" && rule["restart"]["attempts_used"] == restarts;
        });
        return only_pid(status);
    };
    daemon.start();
    auto pid = well_after(1);

    // The file system turns read-only, and the machine's service manager starts the daemon again.
    daemon.stop(SIGKILL);
    await_scribe(daemon);
    REQUIRE(disk.read_only(true));
    daemon.start();
    CHECK(well_after(1) == pid);
    ::kill(pid, SIGKILL);
    pid = well_after(2);
    CHECK(status_of(daemon)["daemon"]["history"]["ok"] == false);

    REQUIRE(disk.read_only(false));
    await_log(daemon, "written again");
    Events events(daemon);
    events.await(name, "exit");
    events.await(name, "recovered");
}

TEST_CASE("a second daemon is refused: the state directory and the socket belong to the first") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(rule(name, "count.min = 0"));
    daemon.start();
    const TempDir dir;
    const auto config = [&](const std::string& state, const std::string& socket) {
        return dir.write("nezuban.toml", "[daemon]\nstate_dir = \"" + state + "\"\nsocket = \"" + socket + "\"\n");
    };

    auto said = refused(config(daemon.dir().file("state"), dir.file("socket")));
    CHECK(mentions(said, daemon.dir().file("state/lock")));
    CHECK(mentions(said, "process " + std::to_string(daemon.child().pid())));

    said = refused(config(dir.file("state"), daemon.socket()));
    CHECK(mentions(said, daemon.socket()));
    CHECK(rule_status(daemon, name)["state"] == "ok");
}

TEST_CASE("a socket that a killed daemon left behind is taken over") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(rule(name, "count.min = 0"));
    daemon.start();
    daemon.stop(SIGKILL);
    CHECK(std::filesystem::exists(daemon.socket()));
    daemon.start();
    CHECK(rule_status(daemon, name)["state"] == "ok");
    daemon.stop();
    CHECK_FALSE(std::filesystem::exists(daemon.socket()));
}
