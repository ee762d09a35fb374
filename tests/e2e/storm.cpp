// More than there may be, faster than anybody can look: the excess is ended, nobody else is, and nothing waits for it.
#include "e2e/stage.hpp"

#include <algorithm>
#include <csignal>
#include <thread>
#include <vector>

using namespace nezuban::test;

namespace {

constexpr int forks = 3000;
constexpr int max = 50;
constexpr long most_memory_kib = 64L << 10U;
constexpr long most_memory_sanitized_kib = 1L << 20U; // the sanitizer keeps what was freed

} // namespace

TEST_CASE("a storm is held down to its limit while another service is restarted") {
    NEEDS_DAEMON();
    NEEDS_EVENTS();
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
    auto storm = start_program("nzstorm", {std::to_string(forks), "--name", wild, "--wait"});
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
    // the storm was held down while it went on (how far is for scripts/bench to say, on a machine that has nothing else
    // to do),
    const auto report = storm.read_line();
    CHECK(number_in(report, "forked") == forks);
    CHECK(number_in(report, "peak") < forks);
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
    const auto pid = daemon.child().pid();
    CHECK(resident_kib(pid) < (is_sanitized(pid) ? most_memory_sanitized_kib : most_memory_kib));
    CHECK(status_of(daemon)["daemon"]["events_lost"] == 0);
}

TEST_CASE("whoever renames himself as fast as he can keeps nobody's restart waiting, and is known by his last name") {
    NEEDS_DAEMON();
    // Given one of them for each processor
    const auto last_name = fresh_name();
    const auto name = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    Daemon daemon(rule(last_name, "count.min = 0")
                  + rule(name, "restart.command = " + command(detached(name, leash)) + "\nrestart.settle = \"0s\""));
    std::vector<Child> butterflies;
    for (unsigned i = 0; i < std::thread::hardware_concurrency(); ++i)
        butterflies.push_back(start_program("nzidle"));
    auto service = start_program("nzidle", {"--name", name});
    daemon.start();
    Events events(daemon);
    for (auto& each : butterflies)
        each.ask("flutter " + last_name);

    // when a service falls meanwhile
    service.signal(SIGKILL);

    // then it is restarted meanwhile,
    events.await(name, "recovered");
    // the daemon can tell how it is,
    CHECK(daemon.ask({"health", name}).exit_code == 0);
    // and when they rest, their name is known.
    for (auto& each : butterflies)
        each.ask("");
    await_rule(daemon, last_name, [&](const json& rule) { return rule["count"] == butterflies.size(); });
    CHECK(daemon.stop().exit_code == 0);
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

TEST_CASE("too many are ended and started anew") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    Daemon daemon(rule(name, "count.max = 1\ncount.over = \"restart\"\nrestart.settle = \"0s\"\nrestart.start = "
                                 + command(detached(name, leash))));
    auto first = start_program("nzidle", {"--name", name});
    daemon.start();
    Events events(daemon);

    Child second({program("nzidle"), "--name", name},
                 {.ends_with_input = true}); // it may not live to say that it is ready

    CHECK(first.wait().signal == SIGTERM);
    CHECK(second.wait().signal == SIGTERM);
    events.await(name, "over");
    events.await(name, "recovered");
    CHECK(rule_status(daemon, name)["count"] == 1);
}

TEST_CASE("with count.per each value has limits of its own") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const auto many = fresh_name();
    const auto few = fresh_name();
    const auto tag = name + "-one";
    Daemon daemon("[[process]]\nname = \"" + name + "\"\nmatch.args = [\"" + tag
                  + "\"]\ncount.min = 0\ncount.max = 2\ncount.per = \"comm\"\nrestart.settle = \"0s\"\n");
    std::vector<Child> crowd;
    for (const auto& comm : {few, many, many})
        crowd.push_back(start_program("nzidle", {"--name", comm, tag}));
    daemon.start();
    Events events(daemon);
    CHECK(rule_status(daemon, name)["state"] == "ok");

    auto third = start_program("nzidle", {"--name", many, tag});

    const auto over = events.await(name, "over");
    CHECK(over["count"] == 3);
    CHECK(over["evidence"]["value"] == many);
    const auto status = rule_status(daemon, name);
    CHECK(status["count"] == 4);
    CHECK(status["out_of_range"] == json::array({{{"value", many}, {"count", 3}}}));
    third.send("exit 0");
    events.await(name, "recovered");
}

TEST_CASE("with a ring too small, losses are told and the counts are right again") {
    NEEDS_DAEMON();
    NEEDS_EVENTS();
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

TEST_CASE(
    "while thousands come and go and records gather, deaths are told all the same, and so is the last end of all") {
    NEEDS_DAEMON();
    NEEDS_EVENTS();
    // Given a service, a rule about those who come and go, and every processor busy with starting them
    const auto name = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    Daemon daemon(rule(name, "restart.command = " + command(detached(name, leash))
                                 + "\nrestart.settle = \"0s\"\nrestart.attempts = 10\nrestart.delay = \"0s\"")
                  + rule("nztrue", "count.min = 0"));
    auto service = start_program("nzidle", {"--name", name});
    daemon.start();
    Events events(daemon);
    auto churn = start_program("nzchurn", {"60"}); // until its input ends

    // when the service falls again and again meanwhile
    for (int fall = 0; fall < 3; ++fall) {
        const auto pid = only_pid(rule_status(daemon, name));
        REQUIRE(::kill(pid, SIGKILL) == 0);
        // then it is back each time,
        events.await(name, "exit");
        events.await(name, "recovered");
        CHECK(only_pid(rule_status(daemon, name)) != pid);
    }
    // and when those who came and went come no more, all of them are known to have gone, and none was lost.
    churn.close_input();
    CHECK(number_in(churn.read_line(), "spawned") > 0);
    const auto quiet = await_rule(daemon, "nztrue", [](const json& rule) { return rule["count"] == 0; });
    CHECK(quiet["state"] == "ok");
    CHECK(status_of(daemon)["daemon"]["events_lost"] == 0);
}
