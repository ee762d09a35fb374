// Restarts that don't help: told, tried again with growing pauses, given up, handed over, latched.
#include "e2e/stage.hpp"

#include <csignal>
#include <map>

using namespace nezuban::test;

namespace {

// So that giving up takes milliseconds.
const std::string impatient = "restart.settle = \"0s\"\nrestart.delay = \"10ms\"\nrestart.delay_max = \"20ms\"\n";

std::string reason_of(const json& event) {
    return event.at("reason").get<std::string>();
}

bool mentions(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("a command that fails is tried as often as allowed, then the rule is exhausted until reset") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(rule(name, impatient + "restart.attempts = 2\nrestart.command = [\"/bin/false\"]"));
    daemon.start();
    Events events(daemon);

    events.await(name, "under");
    CHECK(events.await(name, "restart")["attempt"] == 1);
    CHECK(mentions(reason_of(events.await(name, "restart_failed")), "code 1"));
    CHECK(events.await(name, "restart")["attempt"] == 2);
    events.await(name, "restart_failed");
    events.await(name, "escalated");
    auto status = rule_status(daemon, name);
    CHECK(status["state"] == "exhausted");
    CHECK(status["failed"] == true);
    CHECK(status["restart"]["attempts_used"] == 2);
    CHECK(daemon.ask({"health", name}).exit_code == 1);

    // It stays so when the service comes back by itself, ...
    const auto service = start_program("nzidle", {"--name", name});
    await_rule(daemon, name, [](const json& rule) { return rule["count"] == 1; });
    CHECK(daemon.ask({"health", name}).exit_code == 1);
    CHECK(daemon.ask({"restart", name}).exit_code == 1);

    // ... and when the daemon is another one, ...
    daemon.stop(SIGKILL);
    daemon.start();
    status = rule_status(daemon, name);
    CHECK(status["state"] == "exhausted");
    CHECK(status["restart"]["attempts_used"] == 2);
    CHECK(daemon.ask({"health", name}).exit_code == 1);

    // ... until somebody says that it is mended.
    CHECK(daemon.ask({"reset", name}).exit_code == 0);
    events.await(name, "reset");
    status = rule_status(daemon, name);
    CHECK(status["state"] == "ok");
    CHECK(status["restart"]["attempts_used"] == 0);
    CHECK(daemon.ask({"health", name}).exit_code == 0);
    CHECK(count_of(daemon, name, "restart") == 2);
}

TEST_CASE("a command that does not end in time is ended") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    Mailbox mail(dir.file("mail"));
    Daemon daemon(
        rule(name, impatient + "restart.attempts = 1\nrestart.timeout = \"200ms\"\nrestart.command = "
                       + script("echo $$ >$1; exec $2 --leash $3", {mail.path(), program("nzidle"), leash.path()})));
    daemon.start();
    Events events(daemon);
    const auto pid = std::stol(mail.next());
    const auto command = open_pidfd(pid);

    CHECK(mentions(reason_of(events.await(name, "restart_failed")), "too long"));

    CHECK(wait_readable(command.get(), after()));
    events.await(name, "escalated");
}

TEST_CASE("a command that is not there is a failed restart, and its name is in the log") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(rule(name, impatient + "restart.attempts = 1\nrestart.command = [\"/nonexistent/nze2e\"]"));
    daemon.start();
    Events events(daemon);

    events.await(name, "restart_failed");
    events.await(name, "escalated");
    await_log(daemon, "/nonexistent/nze2e: No such file or directory");
}

TEST_CASE("a service that comes up and falls again was not mended") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    // It lives for a moment only: the settle time is longer.
    Daemon daemon(rule(name, "restart.settle = \"1h\"\nrestart.attempts = 1\nrestart.command = "
                                 + command({program("nzidle"), "--detach", "--stay", "--life", "1", "--name", name})));
    daemon.start();
    Events events(daemon);

    events.await(name, "exit");
    CHECK(mentions(reason_of(events.await(name, "restart_failed")), "did not last"));
    CHECK(mentions(reason_of(events.await(name, "escalated")), "spent"));
}

TEST_CASE("each restart in a row waits longer than the one before") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(rule(name, "restart.settle = \"0s\"\nrestart.attempts = 4\nrestart.delay = \"100ms\"\n"
                             "restart.command = [\"/bin/false\"]"));
    daemon.start();
    Events events(daemon);

    events.await(name, "under");
    std::vector<std::int64_t> pauses;
    std::int64_t failed = 0;
    for (int attempt = 1; attempt <= 4; ++attempt) {
        const auto began = nanoseconds_of(events.await(name, "restart"));
        if (attempt > 1) pauses.push_back(began - failed);
        failed = nanoseconds_of(events.await(name, "restart_failed"));
    }
    events.await(name, "escalated");
    // Never shorter than said, less a tenth of jitter.
    CHECK(pauses[0] >= 90'000'000);
    CHECK(pauses[1] >= 180'000'000);
    CHECK(pauses[2] >= 360'000'000);
}

TEST_CASE("escalate.action = run: somebody is called") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const TempDir dir;
    Mailbox mail(dir.file("mail"));
    Daemon daemon(rule(name, impatient + "restart.attempts = 1\nrestart.command = [\"/bin/false\"]\n"
                                 + "escalate.action = \"run\"\nescalate.command = "
                                 + script("echo $NEZUBAN_EVENT $NEZUBAN_RULE >$1", {mail.path()})));
    daemon.start();

    CHECK(mail.next() == "escalated " + name);
}

TEST_CASE("escalate.action = exit: the daemon ends with the rule's code, and its successor does not do it again") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(rule(name, impatient + "restart.attempts = 1\nrestart.command = [\"/bin/false\"]\n"
                                 + "escalate.action = \"exit\"\nescalate.exit_code = 42"));
    daemon.start();

    const auto ending = daemon.child().wait();
    CHECK(ending.signal == 0);
    CHECK(ending.exit_code == 42);

    daemon.start();
    CHECK(rule_status(daemon, name)["state"] == "exhausted");
    CHECK(count_of(daemon, name, "escalated") == 1);
}
