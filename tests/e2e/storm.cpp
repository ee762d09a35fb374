// More than there may be, faster than anybody can look: the excess is ended, nobody else is, and nothing waits for it.
#include "e2e/stage.hpp"

#include <algorithm>
#include <csignal>

using namespace nezuban::test;

namespace {

constexpr int forks = 3000;
constexpr int max = 50;
// Between a fork and its end lies the way to us and back. How little that is, is for scripts/bench to say; here it has
// to hold on a machine that is busy with other things.
constexpr int most_at_once = 350;
constexpr long most_memory_kib = 64L << 10U;

} // namespace

TEST_CASE("a storm is held down to its limit while another service is restarted") {
    NEEDS_DAEMON();
    // Given forty old ones of the name that will run wild, a bystander, and a service with a restart
    const auto wild = fresh_name();
    const auto name = fresh_name();
    const auto bystander_name = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    Daemon daemon(rule(wild, "count.min = 0\ncount.max = " + std::to_string(max)
                                 + "\ncount.over = \"stop-newest\"\nrestart.settle = \"100ms\"")
                  + rule(bystander_name)
                  + rule(name, "restart.command = " + command(detached(name, leash)) + "\nrestart.settle = \"0s\""));
    auto old = start_program("nzsleepers", {"40", "--name", wild});
    auto bystander = start_program("nzidle", {"--name", bystander_name});
    auto service = start_program("nzidle", {"--name", name});
    auto storm = start_program("nzstorm", {std::to_string(forks), "--name", wild, "--rate", "1500", "--wait"});
    daemon.start();
    Events events(daemon);
    Events others(daemon);
    const auto oldest = rule_status(daemon, wild)["pids"].get<std::vector<pid_t>>();
    REQUIRE(oldest.size() == 40);

    // when the storm breaks, and the service falls in the middle of it
    storm.send("go");
    events.await(wild, "over");
    service.signal(SIGKILL);

    // then the service is back,
    others.await(name, "restart");
    others.await(name, "recovered");
    // the storm never had more than a few beyond its limit,
    const auto report = storm.read_line();
    CHECK(number_in(report, "forked") == forks);
    CHECK(number_in(report, "peak") + 40 <= most_at_once);
    events.await(wild, "stopped_excess");
    events.await(wild, "recovered");
    constexpr int excess = forks - (max - 40);
    for (const auto deadline = after(); number_in(storm.ask(""), "reaped") < excess;)
        REQUIRE(Clock::now() < deadline);
    const auto status = await_rule(daemon, wild, [](const json& rule) { return rule["state"] == "ok"; });
    CHECK(status["count"] == max);
    CHECK(status["stopped_excess"] == excess);
    CHECK(number_in(storm.ask(""), "reaped") == excess);

    // the oldest are still the first of those that are left,
    const auto left = status["pids"].get<std::vector<pid_t>>();
    CHECK(std::equal(oldest.begin(), oldest.end(), left.begin()));
    // nobody else was touched,
    CHECK(only_pid(rule_status(daemon, bystander_name)) == bystander.pid());
    // and the daemon hasn't grown.
    CHECK(resident_kib(daemon.child().pid()) < most_memory_kib);
    CHECK(status_of(daemon)["daemon"]["events_lost"] == 0);
}

TEST_CASE("too many are only reported when nothing else was asked for") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(rule(name, "count.max = 2\nrestart.settle = \"0s\""));
    auto two = start_program("nzsleepers", {"2", "--name", name});
    daemon.start();
    Events events(daemon);

    auto third = start_program("nzidle", {"--name", name});
    CHECK(events.await(name, "over")["count"] == 3);
    auto status = rule_status(daemon, name);
    CHECK(status["state"] == "over");
    CHECK(status["count"] == 3);
    CHECK(status["failed"] == true);

    third.send("exit 0");
    events.await(name, "recovered");
    status = rule_status(daemon, name);
    CHECK(status["state"] == "ok");
    CHECK(status["failed"] == false);
}

TEST_CASE("too many: a command is run") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const TempDir dir;
    Mailbox mail(dir.file("mail"));
    Daemon daemon(rule(name, "count.min = 0\ncount.max = 1\ncount.over = \"run\"\ncount.over_command = "
                                 + script("echo $NEZUBAN_EVENT $NEZUBAN_COUNT >$1", {mail.path()})));
    auto two = start_program("nzsleepers", {"2", "--name", name});
    daemon.start();

    CHECK(mail.next() == "over 2");
}

TEST_CASE("with a ring too small, losses are told and the counts are right again") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const auto crowd = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    Daemon daemon(rule(name, "restart.command = " + command(detached(name, leash)) + "\nrestart.settle = \"0s\"")
                      + rule(crowd, "count.min = 0"),
                  "ring_size = \"4KiB\"");
    auto service = start_program("nzidle", {"--name", name});
    auto fewer = start_program("nzsleepers", {"30", "--name", crowd});
    daemon.start();
    Events events(daemon);
    CHECK(rule_status(daemon, crowd)["count"] == 30);

    // While nobody reads the ring, it overflows; then somebody dies, somebody comes and somebody goes, unseen.
    daemon.child().signal(SIGSTOP);
    auto churn = start_program("nzchurn", {"20", "--most", "500"});
    CHECK(number_in(churn.read_line(), "succeeded") == 500);
    service.signal(SIGKILL);
    service.wait();
    fewer.close_input();
    fewer.wait();
    auto more = start_program("nzsleepers", {"20", "--name", crowd});
    daemon.child().signal(SIGCONT);

    events.await("", "lost_events");
    events.await("", "resync");
    events.await(name, "recovered");
    CHECK(rule_status(daemon, crowd)["count"] == 20);
    const auto status = status_of(daemon);
    CHECK(status["daemon"]["events_lost"] > 0);
    CHECK(status["daemon"]["resyncs"] > 0);
    CHECK(only_pid(rule_status(daemon, name)) != service.pid());
}
