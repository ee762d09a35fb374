// Another configuration under a running daemon.
#include "e2e/stage.hpp"
#include "support/dead_disk.hpp"

#include <csignal>
#include <filesystem>

#include <sys/stat.h>

using namespace nezuban::test;

namespace {

bool has_line(const std::string& text, const std::string& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

// Before [daemon], whose lines come first.
void include(const Daemon& daemon, const std::string& glob) {
    daemon.dir().write("nezuban.toml", "include = [\"" + glob + "\"]\n" + daemon.dir().read("nezuban.toml"));
}

// Its errors are read apart.
Child begin_reload(const Daemon& daemon) {
    return Child({nezuban_binary(), "reload", "--socket", daemon.socket(), "-c", daemon.config()},
                 {.own_errors = true});
}

} // namespace

TEST_CASE("a bad configuration changes nothing, and each problem is located") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(rule(name, "count.min = 0"));
    daemon.start();

    daemon.configure("[[process]]\nname = \"other\"\nmatch.com = \"x\"\ncount.min = -1\n");
    const auto answer = daemon.ask({"reload"});

    CHECK(answer.exit_code == 2);
    const auto all = answer.out + answer.errors;
    // Four lines of [daemon] are before it.
    CHECK(all.find(daemon.config() + ":7:7: error: ") != std::string::npos);
    CHECK(all.find("match.comm") != std::string::npos);
    CHECK(all.find(daemon.config() + ":8:") != std::string::npos);
    CHECK(status_of(daemon)["rules"].size() == 1);
    CHECK(rule_status(daemon, name)["state"] == "ok");

    // The same by signal: said in the log.
    daemon.child().signal(SIGHUP);
    daemon.notifications().await("RELOADING=1");
    daemon.notifications().await("READY=1");
    await_log(daemon, "nothing was changed");
    CHECK(status_of(daemon)["rules"].size() == 1);
}

TEST_CASE("where anybody can send signs of life, nobody listens but for a rule that waits for them") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const auto waiting = rule(name, "count.min = 0\nhang.heartbeat = \"1h\"");
    const auto idle = rule(name, "count.min = 0\nhang.heartbeat = \"1h\"\nhang.heartbeat_file = \"/run/beat\"");
    Daemon daemon(idle);
    const auto listens = [&] { return std::filesystem::exists(daemon.dir().file("control.notify")); };
    const auto reload = [&](const std::string& rules) {
        daemon.configure(rules);
        REQUIRE(daemon.ask({"reload"}).exit_code == 0);
    };
    daemon.start();
    CHECK_FALSE(listens());

    reload(waiting);
    CHECK(listens());
    reload(idle);
    CHECK_FALSE(listens());
    reload(waiting);
    CHECK(listens());
    CHECK(daemon.stop().exit_code == 0);
    CHECK_FALSE(listens());
}

TEST_CASE("a good configuration is applied; rules that did not change keep what they know") {
    NEEDS_DAEMON();
    const auto kept = fresh_name();
    const auto changed = fresh_name();
    const auto dropped = fresh_name();
    const auto added = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    const auto keep = rule(kept, "restart.command = " + command(detached(kept, leash)) + "\nrestart.settle = \"0s\"");
    Daemon daemon(keep + rule(changed, "count.min = 0") + rule(dropped, "count.min = 0"));
    daemon.start();
    Events events(daemon);
    events.await(kept, "recovered");
    const auto pid = only_pid(rule_status(daemon, kept));
    auto service = start_program("nzidle", {"--name", added});

    daemon.configure(keep + rule(changed, "count.min = 0\ncount.max = 7") + rule(added));
    const auto answer = daemon.ask({"reload"});

    CHECK(answer.exit_code == 0);
    CHECK(has_line(answer.out, "+ " + added));
    CHECK(has_line(answer.out, "- " + dropped));
    CHECK(has_line(answer.out, "~ " + changed + ": count"));
    CHECK(answer.out.find(kept) == std::string::npos);
    events.await("", "reloaded");
    const auto status = rule_status(daemon, kept);
    CHECK(status["restart"]["attempts_used"] == 1);
    CHECK(only_pid(status) == pid);
    CHECK(rule_status(daemon, changed)["max"] == 7);
    CHECK(daemon.ask({"status", dropped}).exit_code == 1);
    const auto fresh = await_rule(daemon, added, [](const json& rule) { return rule["state"] == "ok"; });
    CHECK(only_pid(fresh) == service.pid());

    // The new rule is obeyed, and nothing was restarted meanwhile.
    service.signal(SIGKILL);
    events.await(added, "under");
    CHECK(count_of(daemon, kept, "restart") == 1);
}

TEST_CASE("SIGHUP reloads, and the service manager is told") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const auto added = fresh_name();
    Daemon daemon(rule(name, "count.min = 0"));
    daemon.start();
    Events events(daemon);

    daemon.configure(rule(name, "count.min = 0") + rule(added, "count.min = 0"));
    daemon.child().signal(SIGHUP);

    const auto reloading = daemon.notifications().await("RELOADING=1");
    CHECK(reloading.find("MONOTONIC_USEC=") != std::string::npos);
    daemon.notifications().await("READY=1");
    events.await("", "reloaded");
    CHECK(status_of(daemon)["rules"].size() == 2);
}

TEST_CASE("a configuration that is the same changes nothing") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(rule(name, "count.min = 0"));
    daemon.start();

    const auto answer = daemon.ask({"reload", "--json"});

    CHECK(answer.exit_code == 0);
    CHECK(json::parse(answer.out)["ok"] == true);
    CHECK(daemon.ask({"reload"}).out.find("no rule has changed") != std::string::npos);
}

TEST_CASE("a configuration that is gone changes nothing") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(rule(name, "count.min = 0"));
    daemon.start();

    std::filesystem::remove(daemon.config());
    auto reload = begin_reload(daemon);
    const auto errors = reload.errors().rest(after());

    CHECK(reload.wait().exit_code == 2);
    CHECK(errors.find(daemon.config()) != std::string::npos);
    CHECK(status_of(daemon)["rules"].size() == 1);
}

TEST_CASE("a reload that waits for a dead disk holds up nobody, and another one comes after it") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const auto added = fresh_name();
    Daemon daemon(rule(name));
    DeadDisk disk(daemon.dir().file("disk"));
    if (!disk.mounted()) SKIP("no file system can be mounted without a server");
    auto service = start_program("nzidle", {"--name", name});
    daemon.start();
    Events events(daemon);
    events.await("", "daemon_start"); // it has read where the history is

    // Given one that has to read from it,
    daemon.configure(rule(name) + rule(added, "count.min = 0"));
    include(daemon, "disk/*.toml");
    auto waiting = begin_reload(daemon);
    daemon.notifications().await("RELOADING=1");

    // when the daemon is asked, and somebody dies, it is there;
    CHECK(status_of(daemon)["rules"].size() == 1);
    service.signal(SIGKILL);
    events.await(name, "under");

    // and when the next one is asked for, which needs no disk, it waits for its turn.
    daemon.configure(rule(name) + rule(added, "count.min = 0"));
    auto second = begin_reload(daemon);
    CHECK(status_of(daemon)["rules"].size() == 1);
    disk.give_up();

    const auto errors = waiting.errors().rest(after());
    CHECK(waiting.wait().exit_code == 2);
    CHECK(errors.find("disk") != std::string::npos);
    CHECK(errors.find("nothing was changed") != std::string::npos);
    CHECK(second.wait().exit_code == 0);
    CHECK(status_of(daemon)["rules"].size() == 2);
}

TEST_CASE("an include that is a FIFO is refused at once, also by a glob") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(rule(name, "count.min = 0"));
    daemon.start();
    REQUIRE(::mkfifo(daemon.dir().file("fifo.toml").c_str(), 0600) == 0);

    for (const auto* glob : {"fifo.toml", "*fo.toml"}) {
        daemon.configure(rule(name, "count.min = 0"));
        include(daemon, glob);
        const auto answer = daemon.ask({"reload"});
        CHECK(answer.exit_code == 2);
        CHECK((answer.out + answer.errors).find("fifo.toml is no regular file") != std::string::npos);
        CHECK(status_of(daemon)["rules"].size() == 1);
    }
}
