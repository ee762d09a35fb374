// restart.stop and restart.start: what is left is ended before the successor starts, and that may be the command
// itself.
#include "e2e/stage.hpp"

#include <csignal>
#include <fstream>

using namespace nezuban::test;

TEST_CASE("who ignores TERM is killed before the successor starts") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    Daemon daemon(rule(name, "restart.start = " + command(detached(name, leash))
                                 + "\nrestart.kill_after = \"100ms\"\nrestart.settle = \"0s\""));
    auto service = start_program("nzidle", {"--name", name});
    service.ask("ignore " + std::to_string(SIGTERM));
    daemon.start();
    Events events(daemon);

    CHECK(daemon.ask({"restart", name}).exit_code == 0);

    CHECK(service.wait().signal == SIGKILL);
    const auto exit = events.await(name, "exit");
    if (features().mode == nezuban::Mode::bpf) CHECK(exit["cause"]["sender_pid"] == daemon.child().pid());
    events.await(name, "recovered");
    const auto status = rule_status(daemon, name);
    CHECK(only_pid(status) != service.pid());
    CHECK(status["restart"]["attempts_used"] == 0); // the operator's own is none of the budget's
}

TEST_CASE("who obeys TERM is not killed") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    Daemon daemon(rule(name, "restart.start = " + command(detached(name, leash)) + "\nrestart.settle = \"0s\""));
    auto service = start_program("nzidle", {"--name", name});
    daemon.start();
    Events events(daemon);

    CHECK(daemon.ask({"restart", name}).exit_code == 0);

    CHECK(service.wait().signal == SIGTERM);
    events.await(name, "recovered");
}

TEST_CASE("the stop command comes first, the start command when they are gone") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    Mailbox mail(dir.file("mail"));
    auto service = start_program("nzidle", {"--name", name});
    const auto start = detached(name, leash, {mail.path()});
    Daemon daemon(
        rule(name, "restart.settle = \"0s\"\nrestart.stop = "
                       + script("kill -USR1 $2; echo stopped >$1", {mail.path(), std::to_string(service.pid())})
                       + "\nrestart.start = " + script("echo started >$1; shift; exec \"$@\"", start)));
    daemon.start();
    Events events(daemon);

    CHECK(daemon.ask({"restart", name}).exit_code == 0);

    CHECK(mail.next() == "stopped");
    CHECK(mail.next() == "started");
    CHECK(service.wait().signal == SIGUSR1);
    events.await(name, "recovered");
}

TEST_CASE("a start command that is the service itself lives on, beyond its time-out and the daemon's death") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const auto slow = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    const Leash other(dir.file("other"));
    Mailbox mail(dir.file("mail"));
    const auto tag = name + "-itself"; // who asks for the rule has its name among his arguments, too
    // Given a service that answers whatever it hears, on its standard output, too
    const std::string serve =
        "exec <$1; echo up >$2; while read -r word; do echo \"heard $word\"; echo \"$word\" >$2; done";
    Daemon daemon("[[process]]\nname = \"" + name + "\"\nmatch.args = [\"" + tag + "\"]\nrestart.settle = \"0s\"\n"
                  + "restart.timeout = \"2s\"\nrestart.start = "
                  + script(serve, {leash.path(), mail.path(), tag})
                  // and a command that does run into its later time-out.
                  + "\n"
                  + rule(slow, "restart.timeout = \"3s\"\nrestart.attempts = 1\nrestart.command = "
                                   + command({program("nzidle"), "--leash", other.path()})));
    daemon.start();
    Events events(daemon);
    mail.await("up");
    events.await(name, "recovered");
    const auto pid = only_pid(rule_status(daemon, name));

    // When that time is over, it is still there
    const auto late = events.await(slow, "restart_failed");
    CHECK(late["reason"].get<std::string>().find("too long") != std::string::npos);
    CHECK(only_pid(rule_status(daemon, name)) == pid);
    std::ofstream(leash.path()) << "once\n" << std::flush;
    mail.await("once");
    await_log(daemon, "heard once");

    // and when the daemon is killed, too: its own output doesn't end it
    daemon.stop(SIGKILL);
    std::ofstream(leash.path()) << "twice\n" << std::flush;
    mail.await("twice");

    // and the next daemon finds it well.
    daemon.start();
    const auto status = rule_status(daemon, name);
    CHECK(status["state"] == "ok");
    CHECK(only_pid(status) == pid);
    CHECK(status["restart"]["attempts_used"] == 1);
}
