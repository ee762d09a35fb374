// CLUSTERPRO X, the daemon as an asynchronous EXEC resource: its own end is what the pid monitor sees.
#include "handover/clusterpro_stage.hpp"
#include "support/privilege.hpp"
#include "support/skip.hpp"

#include <fstream>

#include <doctest/doctest.h>

using namespace nezuban::test;
using namespace nezuban::test::clusterpro;

#define NEEDS_DAEMON()                                                                                                 \
    if (!can_load_bpf()) SKIP(why_no_bpf())

using Journal = std::vector<std::string>;

namespace {

const Rule ends_with_ten{.mends = false, .more = "escalate.action = \"exit\"\nescalate.exit_code = 10"};

} // namespace

TEST_CASE(
    "CLUSTERPRO: when the restarts are spent the daemon ends with its exit code, and the pid monitor moves the group") {
    NEEDS_DAEMON();
    Machine first("node1", Shape::foreground, ends_with_ten);
    Machine second("node2", Shape::foreground, ends_with_ten);
    Cluster cluster({first.node(), second.node()}, {.synchronous = false});
    cluster.start_group();
    first.await_rule("ok");

    first.kill_service();

    CHECK(cluster.monitor_pid() == Verdict::error);
    CHECK(cluster.ending().exit_code == 10);
    CHECK(cluster.ending().signal == 0);
    CHECK(cluster.journal()
          == Journal{"node1 start.sh START begun", "node1 pid monitor: gone", "node1 preaction.sh FAILOVER 0",
                     "node1 stop.sh GROUPFAILOVER 0", "node2 start.sh FAILOVER begun"});
    second.await_rule("ok");
    CHECK(cluster.started()->pid() > 0);

    // Back on the first node, what was given up there is forgotten.
    cluster.move_group();
    const auto rule = first.await_rule("ok");
    CHECK(rule["failed"] == false);
    CHECK(cluster.monitor_once() == Verdict::normal);
    cluster.stop_group();
    CHECK(cluster.journal().back() == "node1 stop.sh GROUPSTOP 0");
}

TEST_CASE("CLUSTERPRO: stop.sh ends the daemon that start.sh became, and waits for its end") {
    NEEDS_DAEMON();
    Machine first("node1", Shape::foreground);
    Cluster cluster({first.node()}, {.synchronous = false});
    cluster.start_group();
    first.await_rule("ok");
    const Fd daemon = open_pidfd(cluster.started()->pid());

    CHECK(first.run("stop.sh").exit_code == 0);

    CHECK(wait_readable(daemon.get(), Clock::now()));
    CHECK(first.daemon().ask({"health"}).exit_code == 2);
    // Again, and again without anything of it left.
    const auto again = first.run("stop.sh");
    CHECK(again.exit_code == 0);
    CHECK(again.output.find("nothing to do") != std::string::npos);
    CHECK(first.service_runs()); // it is not the daemon's to end
}

TEST_CASE(
    "CLUSTERPRO: a daemon that becomes able to answer later than the limit of its start is put on duty all the same") {
    NEEDS_DAEMON();
    // Given a node whose rule is paused, as an operator left it
    Machine first("node1", Shape::foreground);
    Cluster cluster({first.node()}, {.synchronous = false});
    cluster.start_group();
    first.await_rule("ok");
    CHECK(first.daemon().ask({"pause", "shop"}).exit_code == 0);
    cluster.stop_group();
    // and a daemon that cannot begin before somebody lets go of its state directory,
    first.set("START_LIMIT=0");
    Child holder({"flock", first.daemon().dir().file("state/lock"), "/bin/sh", "-c", "echo held; read -r go"});
    REQUIRE(holder.read_line() == "held");

    // when the group is activated, and its start has given up waiting,
    cluster.start_group();
    first.await_alert("still trying");
    CHECK(first.daemon().ask({"health"}).exit_code == 2);
    holder.send("go");

    // then the daemon goes on duty as soon as it can.
    first.await_rule("ok");
    cluster.stop_group();
}

TEST_CASE("CLUSTERPRO: a daemon that does not run, by SIGSTOP, is ended all the same") {
    NEEDS_DAEMON();
    Machine first("node1", Shape::foreground);
    Cluster cluster({first.node()}, {.synchronous = false});
    cluster.start_group();
    first.await_rule("ok");
    const Fd daemon = open_pidfd(cluster.started()->pid());
    cluster.started()->signal(SIGSTOP);

    CHECK(first.run("stop.sh").exit_code == 0);

    CHECK(wait_readable(daemon.get(), Clock::now()));
}

TEST_CASE("CLUSTERPRO: stop.sh leaves alone who has the daemon's pid by now") {
    Machine first("node1", Shape::foreground);
    auto other = start_program("nzidle");
    std::filesystem::create_directories(first.run_folder());
    first.dir().write("run/failover1/daemon", std::to_string(other.pid()) + " 1\n");

    CHECK(first.run("stop.sh").exit_code == 0);

    CHECK(other.ask("rename still-here").find("renamed") != std::string::npos);
}
