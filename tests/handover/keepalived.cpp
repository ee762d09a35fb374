// The real keepalived, two of them, and an address that belongs to one.
#include "keepalived_lab.hpp"

#include <csignal>
#include <optional>

using namespace nezuban::test;
using namespace nezuban::test::node;

#define NEEDS_KEEPALIVED()                                                                                             \
    NEEDS_DAEMON();                                                                                                    \
    if (const auto reason = why_no_networks(); !reason.empty()) SKIP(reason);                                          \
    const auto keepalived = find_keepalived();                                                                         \
    if (keepalived.command.empty()) SKIP(keepalived.why_none)

namespace {

// Node a has the address, node b would take it.
void begin(Node& a, Node& b, const std::vector<std::string>& keepalived) {
    a.network().join(b.network(), "192.0.2.1/24", "192.0.2.2/24");
    const auto verdict = a.judged_by(keepalived);
    CAPTURE(verdict.errors + verdict.out);
    REQUIRE(verdict.exit_code == 0);
    a.daemon().start();
    b.daemon().start();
    a.start_keepalived(keepalived);
    while (a.next_state() != "MASTER") {
    }
    b.start_keepalived(keepalived);
    while (b.next_state() != "BACKUP") {
    }
    REQUIRE(a.has_address(true));
    REQUIRE_FALSE(b.has_address(false));
    a.verbs().await("reset " + a.name() + " 0"); // who becomes MASTER has its whole budget
}

} // namespace

TEST_CASE("the address stays while nezuban mends the service, and moves when the restarts are spent") {
    NEEDS_KEEPALIVED();
    // Given two nodes, whose services may be restarted once, when the test says go
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    const Mailbox go(dir.file("go"));
    const auto keys = [&](const std::string& name) {
        std::string words = "restart.attempts = 1\nrestart.settle = \"0s\"\nrestart.command = ";
        std::vector<std::string> argv{"/bin/sh", "-c", "read -r go <\"$1\"; shift; exec \"$@\"", "sh", go.path()};
        for (const auto& word : detached(name, leash))
            argv.push_back(word);
        return words + command(argv);
    };
    const auto name_a = fresh_name();
    const auto name_b = fresh_name();
    auto service_a = start_program("nzidle", {"--name", name_a});
    auto service_b = start_program("nzidle", {"--name", name_b});
    Node a(dir, name_a, 110, keys(name_a));
    Node b(dir, name_b, 100, keys(name_b));
    begin(a, b, keepalived.command);
    Events events(a.daemon());

    // when the service of the node with the address dies
    service_a.signal(SIGKILL);
    events.await(name_a, "restart");

    // then keepalived asks during the restart, more often than its limit, and hears that all is well,
    CHECK(a.checks_say("0", 4));
    go.send("go");
    events.await(name_a, "recovered");
    CHECK(a.checks_say("0", 3));
    // so that nothing has moved.
    CHECK(a.stayed());
    CHECK(b.stayed());
    CHECK(a.has_address(true));

    // When it dies again, and there is no restart left,
    const auto status = nlohmann::json::parse(a.daemon().ask({"status", "--json", name_a}).out);
    ::kill(status["rules"][0]["pids"][0].get<pid_t>(), SIGKILL);
    events.await(name_a, "escalated");

    // then the address is at the other node, which has its whole budget,
    CHECK(a.next_state() == "FAULT");
    CHECK(b.next_state() == "MASTER");
    CHECK(b.has_address(true));
    CHECK_FALSE(a.has_address(false));
    b.verbs().await("reset " + name_b + " 0");
    // the log was told why,
    a.verbs().await("health --style=keepalived " + name_a + " 1");
    // and the node stays out, however long it asks,
    CHECK(a.checks_say("1", 3));
    CHECK(a.stayed());

    // until somebody has looked after it: then it is there again, without taking anything from the other.
    go.send("go");
    REQUIRE(a.daemon().ask({"reset", name_a}).exit_code == 0);
    events.await(name_a, "recovered");
    CHECK(a.next_state() == "BACKUP");
    CHECK(b.stayed());
    CHECK(b.has_address(true));
}

TEST_CASE("the address moves when the daemon hangs") {
    NEEDS_KEEPALIVED();
    const TempDir dir;
    Node a(dir, fresh_name(), 110, "count.min = 0");
    Node b(dir, fresh_name(), 100, "count.min = 0");
    begin(a, b, keepalived.command);

    a.daemon().child().signal(SIGSTOP);

    CHECK(a.next_state() == "FAULT");
    CHECK(b.next_state() == "MASTER");
    CHECK(b.has_address(true));

    // A daemon that goes on needs nobody's help.
    a.daemon().child().signal(SIGCONT);
    CHECK(a.next_state() == "BACKUP");
    CHECK(b.stayed());
}

TEST_CASE("the check of keepalived answers 0 or 1, whatever happens to nezuban") {
    const TempDir dir;
    const auto check = source("scripts/keepalived/nezuban-check");
    const auto exit_code = [&](const std::string& nezuban, const std::string& limit = "1.5") {
        return run({check, "scanner"}, {{"NEZUBAN", nezuban}, {"NEZUBAN_LIMIT", limit}}).exit_code;
    };
    const auto fake = [&](const std::string& text) {
        auto path = dir.write("fake", "#!/bin/sh\n" + text + "\n");
        std::filesystem::permissions(path, std::filesystem::perms::owner_all);
        return path;
    };

    CHECK(exit_code(fake("[ \"$*\" = 'health --style=keepalived scanner' ]")) == 0);
    CHECK(exit_code(fake("exit 1")) == 1);
    CHECK(exit_code(fake("exit 2")) == 1);
    CHECK(exit_code(fake("kill -SEGV $$")) == 1);
    CHECK(exit_code(dir.file("nothing")) == 1);
    CHECK(exit_code(dir.path().string()) == 1);
    // Without an end of its own it is ended, also when it doesn't listen to SIGTERM.
    CHECK(exit_code(fake("exec sleep 600"), "0.1") == 1);
    CHECK(exit_code(fake("trap '' TERM; exec sleep 600"), "0.1") == 1);
    // A daemon that isn't there, the real one:
    CHECK(run({check, "--socket", dir.file("none"), "scanner"}, {{"NEZUBAN", nezuban_binary()}}).exit_code == 1);
}

TEST_CASE("what a node becomes is told to nezuban, in the words of the mode") {
    const TempDir dir;
    const auto fake = dir.write("fake", "echo \"$*\" >>" + dir.file("said") + "\n");
    const auto said = [&](const std::string& mode, const std::string& state) {
        dir.write("said", "");
        const auto answer =
            run({source("scripts/keepalived/nezuban-notify"), mode, "scanner", "mail", "INSTANCE", "vip", state, "100"},
                {{"NEZUBAN", "/bin/sh " + fake}});
        CHECK(answer.exit_code == 0);
        return dir.read("said");
    };

    CHECK(said("reset", "MASTER") == "reset scanner\nreset mail\n");
    CHECK(said("reset", "BACKUP").empty());
    CHECK(said("reset", "FAULT") == "health --style=keepalived scanner mail\n");
    CHECK(said("follow", "MASTER") == "resume scanner\nresume mail\nreset scanner\nreset mail\n");
    CHECK(said("follow", "BACKUP") == "pause scanner\npause mail\n");
    CHECK(said("follow", "STOP") == "pause scanner\npause mail\n");
    // Why, before the pause could change it; and without the pause, what is stopped now would be started again.
    CHECK(said("follow", "FAULT") == "health --style=keepalived scanner mail\npause scanner\npause mail\n");
    CHECK(run({source("scripts/keepalived/nezuban-notify"), "follow", "INSTANCE"}).exit_code == 2);
}

TEST_CASE("a node in FAULT starts nothing where only the MASTER does, and stays failed until somebody resets it") {
    NEEDS_DAEMON();
    // Given a node that has given its service up
    const TempDir dir;
    const auto name = fresh_name();
    auto service = start_program("nzidle", {"--name", name});
    Daemon daemon(rule(name, "restart.attempts = 1\nrestart.command = [\"false\"]"));
    daemon.start();
    Events events(daemon);
    service.signal(SIGKILL);
    events.await(name, "escalated");
    const auto notify = [&](const std::string& state) {
        return run({source("scripts/keepalived/nezuban-notify"), "follow", name, "INSTANCE", "vip", state, "100"},
                   {{"NEZUBAN", nezuban_binary() + " --socket " + daemon.socket()}});
    };
    const auto check = [&] {
        return run({source("scripts/keepalived/nezuban-check"), "--socket", daemon.socket(), name},
                   {{"NEZUBAN", nezuban_binary()}})
            .exit_code;
    };
    const auto state = [&]() -> std::string {
        return nlohmann::json::parse(daemon.ask({"status", "--json", name}).out)["rules"][0]["state"];
    };

    // when keepalived says so,
    CHECK(notify("FAULT").exit_code == 0);

    // then it is paused, and failed all the same,
    CHECK(state() == "paused");
    CHECK(check() == 1);
    // until it is reset: then it is well, and still starts nothing before it is MASTER.
    REQUIRE(daemon.ask({"reset", name}).exit_code == 0);
    CHECK(state() == "paused");
    CHECK(check() == 0);
    CHECK(notify("MASTER").exit_code == 0);
    events.await(name, "restart");
}
