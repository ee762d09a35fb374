// CLUSTERPRO X, daemon by systemd on every node: the EXEC resource puts it on and off duty, the custom monitor asks it.
#include "handover/clusterpro_stage.hpp"
#include "support/privilege.hpp"
#include "support/skip.hpp"

#include <filesystem>

#include <doctest/doctest.h>

using namespace nezuban::test;
using namespace nezuban::test::clusterpro;

#define NEEDS_DAEMON()                                                                                                 \
    if (!can_load_bpf()) SKIP(why_no_bpf())

using Journal = std::vector<std::string>;

TEST_CASE("CLUSTERPRO: when the restarts are spent the service moves, and its watch begins anew on the other node") {
    NEEDS_DAEMON();
    // Given a service that can't be restarted on either node, and an old failure on the second
    Machine first("node1", Shape::systemd, {.mends = false});
    Machine second("node2", Shape::systemd, {.mends = false});
    std::filesystem::create_directories(second.run_folder());
    second.dir().write("run/failover1/active", ""); // it was active once, and failed there
    second.boot();
    second.await_rule("exhausted");
    CHECK(second.run("stop.sh").exit_code == 0);
    CHECK(second.await_rule("paused")["failed"] == true);
    first.boot();
    Cluster cluster({first.node(), second.node()}, {});
    cluster.start_group();
    CHECK(cluster.monitor_once() == Verdict::normal);

    // when it is killed, and the restarts fail
    first.kill_service();
    first.await_rule("exhausted");

    // then the cluster hears it at its next question, and moves it
    CHECK(cluster.monitor_once() == Verdict::error);
    CHECK(cluster.journal()
          == Journal{"node1 start.sh START 0", "node1 genw.sh 1", "node1 preaction.sh FAILOVER 0",
                     "node1 stop.sh GROUPFAILOVER 0", "node2 start.sh FAILOVER 0"});
    CHECK(first.alerts().find("restarts within") != std::string::npos);

    // where nothing of the old failure is left;
    CHECK(cluster.monitor_once() == Verdict::normal);
    const auto rule = second.rule();
    CHECK(rule["state"] == "ok");
    CHECK(rule["failed"] == false);
    CHECK(rule["restart"]["attempts_used"] == 0);
    // and the first node does not fetch it back.
    CHECK(first.rule()["state"] == "paused");
    CHECK_FALSE(first.service_runs());
}

TEST_CASE("CLUSTERPRO: of a restart that mends the cluster hears nothing") {
    NEEDS_DAEMON();
    Machine first("node1", Shape::systemd);
    Machine second("node2", Shape::systemd);
    first.boot();
    second.boot();
    Cluster cluster({first.node(), second.node()}, {});
    cluster.start_group();

    first.kill_service();
    do {
        CHECK(cluster.monitor_once() == Verdict::normal);
    } while (first.rule()["restart"]["attempts_used"] == 0);
    first.await_rule("ok");

    CHECK(cluster.monitor_once() == Verdict::normal);
    CHECK(cluster.journal() == Journal{"node1 start.sh START 0"});
    CHECK(first.starts_by_nezuban() == 1);
    CHECK(first.alerts() == "");
}

TEST_CASE("CLUSTERPRO: a reactivation on the same node is a new chance, too; then fail-over, then the final action") {
    NEEDS_DAEMON();
    Machine first("node1", Shape::systemd, {.mends = false});
    Machine second("node2", Shape::systemd, {.mends = false});
    first.boot();
    second.boot();
    Cluster cluster({first.node(), second.node()}, {.retries = 1, .reactivations = 1});
    cluster.start_group();

    // Each time before the monitor could see it normal, so that its counters go on.
    first.kill_service();
    first.await_rule("exhausted");
    CHECK(cluster.monitor_once() == Verdict::error);
    CHECK(cluster.active() == "node1");
    CHECK(first.rule()["state"] == "exhausted"); // a retry is a retry
    CHECK(cluster.monitor_once() == Verdict::error);
    CHECK(first.rule()["failed"] == false);
    first.kill_service();
    first.await_rule("exhausted");
    CHECK(cluster.monitor_once() == Verdict::error);
    CHECK(cluster.monitor_once() == Verdict::error);
    CHECK(cluster.active() == "node2");
    second.kill_service();
    second.await_rule("exhausted");
    CHECK(cluster.monitor_once() == Verdict::error);
    CHECK(cluster.monitor_once() == Verdict::error);

    CHECK(cluster.journal()
          == Journal{"node1 start.sh START 0", "node1 genw.sh 1", "node1 preaction.sh RESTART 0",
                     "node1 stop.sh GROUPRESTART 0", "node1 start.sh START 0", "node1 genw.sh 1",
                     "node1 preaction.sh FAILOVER 0", "node1 stop.sh GROUPFAILOVER 0", "node2 start.sh FAILOVER 0",
                     "node2 genw.sh 1", "node2 preaction.sh FINALACTION 0", "node2 final action: none"});
}

TEST_CASE(
    "CLUSTERPRO: stopped by the cluster, the service stays stopped, also when the group is moved back and forth") {
    NEEDS_DAEMON();
    Machine first("node1", Shape::systemd);
    Machine second("node2", Shape::systemd);
    first.boot();
    second.boot();
    Cluster cluster({first.node(), second.node()}, {});
    cluster.start_group();

    cluster.move_group();
    cluster.move_group();
    cluster.stop_group();
    cluster.stop_group();

    CHECK(cluster.journal()
          == Journal{"node1 start.sh START 0", "node1 stop.sh GROUPMOVE 0", "node2 start.sh START 0",
                     "node2 stop.sh GROUPMOVE 0", "node1 start.sh START 0", "node1 stop.sh GROUPSTOP 0"});
    for (auto* machine : {&first, &second}) {
        CHECK(machine->rule()["state"] == "paused");
        CHECK(machine->rule()["count"] == 0);
        CHECK(machine->starts_by_nezuban() == 0);
        CHECK_FALSE(machine->service_runs());
        CHECK(machine->run("genw.sh").exit_code == 0); // off duty is not sick
    }
}

TEST_CASE("CLUSTERPRO: a node that lost its power while active starts no service when it comes back") {
    NEEDS_DAEMON();
    Machine first("node1", Shape::systemd);
    Machine second("node2", Shape::systemd);
    first.boot();
    second.boot();
    Cluster cluster({first.node(), second.node()}, {});
    cluster.start_group();

    first.lose_power();
    first.boot();

    // The rule was not paused when the power went; if-active.sh answers the first restart, standby.sh ends the others.
    const auto rule = first.rule();
    CHECK(rule["state"] == "paused");
    CHECK(rule["count"] == 0);
    CHECK(rule["failed"] == false);
    CHECK(first.starts_by_nezuban() == 0);
    CHECK_FALSE(first.service_runs());
    // Restarted while active, the daemon goes on watching.
    cluster.start_group();
    first.daemon().stop(SIGKILL);
    first.boot();
    CHECK(first.await_rule("ok")["count"] == 1);
    first.kill_service();
    first.await_start_by_nezuban();
    first.await_rule("ok");
    CHECK(cluster.monitor_once() == Verdict::normal);
}

TEST_CASE("CLUSTERPRO: without the disk of the group the activation fails, and the service goes where it is") {
    NEEDS_DAEMON();
    Machine first("node1", Shape::systemd);
    Machine second("node2", Shape::systemd);
    first.boot();
    second.boot();
    auto without_disk = first.node();
    without_disk.disk = false;
    Cluster cluster({without_disk, second.node()}, {});

    cluster.start_group();

    CHECK(cluster.journal()
          == Journal{"node1 start.sh START 1", "node1 stop.sh GROUPFAILOVER 0", "node2 start.sh FAILOVER 0"});
    CHECK(cluster.active() == "node2");
}

TEST_CASE("CLUSTERPRO: a daemon that was away when the group was activated is put on duty as soon as it is there") {
    NEEDS_DAEMON();
    for (const bool standby : {false, true}) {
        CAPTURE(standby);
        // Given a node off duty, whose daemon is away when the service comes
        Machine first("node1", Shape::systemd);
        first.set("START_LIMIT=0");
        first.boot();
        first.daemon().stop();
        Cluster cluster({first.node()}, {});
        cluster.start_group();
        CHECK(cluster.last().output.find("started without a watch") != std::string::npos);

        // when it comes back, paused as it was, by systemd with standby.sh or without
        if (standby)
            first.boot();
        else
            first.daemon().start();

        // then the next question of the cluster at the latest changes that,
        if (!standby) CHECK(cluster.monitor_once() == Verdict::normal);
        CHECK(first.rule()["state"] == "ok");
        // once: what an operator pauses now stays paused.
        CHECK(first.daemon().ask({"pause", "shop"}).exit_code == 0);
        CHECK(cluster.monitor_once() == Verdict::normal);
        CHECK(first.rule()["state"] == "paused");
    }
}
