// CLUSTERPRO X, each script alone, where things are not as they should be: it ends by itself, and with a decision.
#include "handover/clusterpro_stage.hpp"
#include "support/privilege.hpp"
#include "support/skip.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <doctest/doctest.h>
#include <sys/stat.h>

using namespace nezuban::test;
using namespace nezuban::test::clusterpro;

#define NEEDS_DAEMON()                                                                                                 \
    if (!can_load_bpf()) SKIP(why_no_bpf())

namespace {

// Far below the 120 s that a custom monitor has by default.
constexpr std::chrono::seconds monitor_limit{20};

std::vector<std::filesystem::path> files_in(const std::string& folder) {
    if (!std::filesystem::exists(folder)) return {};
    return {std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator()};
}

std::string text_of(const std::filesystem::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void write_program(const std::string& path, const std::string& text) {
    std::filesystem::remove(path);
    std::ofstream(path) << "#!/bin/bash\n" << text << "\n";
    ::chmod(path.c_str(), 0700);
}

} // namespace

TEST_CASE("CLUSTERPRO: genw.sh warns while it can't tell, for so long, and then fails") {
    // Given no daemon at all
    Machine first("node1", Shape::systemd);

    const auto one = first.run("genw.sh");
    const auto two = first.run("genw.sh");
    const auto three = first.run("genw.sh");

    CHECK(one.exit_code == 0);
    CHECK(one.output.find("cannot tell") != std::string::npos);
    CHECK(two.exit_code == 0);
    CHECK(three.exit_code == 2);
    CHECK(first.alerts().find("-l WARN") != std::string::npos);
    CHECK(first.alerts().find("-l ERR") != std::string::npos);
    // It stays so until it can tell, or an activation begins anew.
    CHECK(first.run("genw.sh").exit_code == 2);
    CHECK(first.alerts().find("-l ERR") == first.alerts().rfind("-l ERR")); // the alert log heard it once
    first.set("START_LIMIT=0");
    CHECK(first.run("start.sh").exit_code == 0);
    CHECK(first.run("genw.sh").exit_code == 0);
}

TEST_CASE("CLUSTERPRO: how long genw.sh waits for a word is a setting: at once, or for ever") {
    Machine first("node1", Shape::systemd);

    first.set("UNKNOWN_LIMIT=1");
    CHECK(first.run("genw.sh").exit_code == 2);
    first.set("UNKNOWN_LIMIT=0");
    for (int time = 0; time < 5; ++time)
        CHECK(first.run("genw.sh").exit_code == 0);
}

TEST_CASE("CLUSTERPRO: genw.sh ends in time with the daemon stopped, and begins to count anew when it goes on") {
    NEEDS_DAEMON();
    Machine first("node1", Shape::systemd);
    first.boot();
    Cluster cluster({first.node()}, {.monitor_limit = monitor_limit});
    cluster.start_group();
    first.set("ANSWER_LIMIT=1");
    first.set("EVIDENCE_LIMIT=3");

    first.daemon().child().signal(SIGSTOP);
    CHECK(cluster.monitor_once() == Verdict::normal);
    CHECK(cluster.last().output.find("cannot tell") != std::string::npos);
    CHECK(cluster.monitor_once() == Verdict::normal);
    first.daemon().child().signal(SIGCONT);
    CHECK(cluster.monitor_once() == Verdict::normal);
    CHECK(cluster.last().output.find("can tell again") != std::string::npos);
    first.daemon().child().signal(SIGSTOP);
    CHECK(cluster.monitor_once() == Verdict::normal);
    CHECK(cluster.monitor_once() == Verdict::normal);
    CHECK(cluster.journal().size() == 1);
    // The third in a row: the group is stopped, as far as a stopped watcher can hinder that.
    CHECK(cluster.monitor_once() == Verdict::error);
    CHECK(cluster.journal()[1] == "node1 genw.sh 2");
    CHECK(cluster.journal()[3] == "node1 stop.sh GROUPFAILOVER 0");

    // What it decides once it goes on starts nothing here.
    first.daemon().child().signal(SIGCONT);
    first.await_rule([](const nlohmann::json& rule) { return rule.at("count") == 0; });
    CHECK(first.starts_by_nezuban() == 0);
}

TEST_CASE("CLUSTERPRO: a checker that hangs and ignores SIGTERM keeps neither genw.sh nor the others") {
    Machine first("node1", Shape::systemd);
    write_program(first.dir().file("deaf"), "trap '' TERM\nwhile :; do read -r -t 1 <> <(:); done");
    first.set("NEZUBAN=" + first.dir().file("deaf"));
    first.set("ANSWER_LIMIT=1");
    first.set("START_LIMIT=0");
    first.set("STOP_LIMIT=1");
    first.set("EVIDENCE_LIMIT=2");

    for (const auto* script : {"genw.sh", "start.sh", "stop.sh", "preaction.sh", "standby.sh"}) {
        CAPTURE(script);
        const auto result = first.run(script, {}, {}, monitor_limit);
        CHECK_FALSE(result.timed_out);
        CHECK(result.exit_code == 0);
    }
    const auto second = first.run("genw.sh", {}, {}, monitor_limit);
    CHECK(second.output.find("no answer within 1 s") != std::string::npos);
}

TEST_CASE("CLUSTERPRO: genw.sh that can't even count fails at once when it can't tell, and only then") {
    NEEDS_DAEMON();
    Machine first("node1", Shape::systemd);
    first.dir().write("run", "a file where the folder belongs");

    CHECK(first.run("genw.sh").exit_code == 2);
    first.start_service();
    first.daemon().start();
    CHECK(first.run("genw.sh").exit_code == 0);
}

TEST_CASE("CLUSTERPRO: what is set up wrong fails where it is seen, but never in stop.sh") {
    Machine first("node1", Shape::systemd);
    for (const auto* line : {"NAMES=", "syntax ( error", "exit 5"}) {
        first.set(line);
        CAPTURE(line);
        CHECK(first.run("start.sh").exit_code != 0);
        CHECK(first.run("genw.sh").exit_code != 0);
        CHECK(first.run("stop.sh").exit_code == 0);
        CHECK(first.run("preaction.sh").exit_code == 0);
        CHECK(first.run("standby.sh").exit_code == 0);
    }
    std::filesystem::remove(first.dir().file("failover1/common.sh"));
    CHECK(first.run("start.sh").exit_code != 0);
    CHECK(first.run("stop.sh").exit_code == 0);
}

TEST_CASE("CLUSTERPRO: stop.sh has nothing to complain of where nothing runs") {
    for (const auto shape : {Shape::systemd, Shape::foreground}) {
        Machine first("node1", shape);
        CHECK(first.run("stop.sh").exit_code == 0);
        CHECK(first.run("stop.sh").exit_code == 0);
    }
}

TEST_CASE("CLUSTERPRO: a service that can't be watched is started all the same, unless that is refused") {
    Machine first("node1", Shape::systemd);
    first.set("START_LIMIT=0");

    const auto allowed = first.run("start.sh");
    CHECK(allowed.exit_code == 0);
    CHECK(allowed.output.find("started without a watch") != std::string::npos);
    first.set("UNWATCHED_START=refuse");
    CHECK(first.run("start.sh").exit_code == 1);
}

TEST_CASE("CLUSTERPRO: start.sh fails when the service is known to be bad") {
    NEEDS_DAEMON();
    Machine first("node1", Shape::systemd, {.mends = false, .attempts = 0});
    first.set("START_LIMIT=1");
    first.boot();

    const auto result = first.run("start.sh", {{"CLP_EVENT", "START"}});

    CHECK(result.exit_code == 1);
    CHECK(result.output.find("not healthy") != std::string::npos);
}

TEST_CASE("CLUSTERPRO: preaction.sh keeps what is known, within its size and number of files") {
    NEEDS_DAEMON();
    // Given a group: its members are what can be explained
    Machine first("node1", Shape::systemd,
                  {.mends = false, .attempts = 0, .more = "[[group]]\nname = \"mail\"\nmembers = [\"shop\"]"});
    first.set("NAMES=mail");
    first.set("START_LIMIT=1");
    first.set("EVIDENCE_KEEP=2");
    first.boot();
    CHECK(first.run("start.sh", {{"CLP_EVENT", "START"}}).exit_code == 1);
    const Environment why{{"CLP_ACTION", "FAILOVER"}, {"CLP_MONITORNAME", "genw-nezuban"}, {"CLP_FAILOVERCOUNT", "0"}};

    CHECK(first.run("preaction.sh", why).exit_code == 0);

    const auto kept = files_in(first.dir().file("evidence"));
    REQUIRE(kept.size() == 1);
    const auto text = text_of(kept.front());
    for (const std::string part : {"monitor genw-nezuban, action FAILOVER", "(exit code 1)\nfailed: shop", "exhausted",
                                   "escalated", "== nezuban explain shop"})
        CHECK_MESSAGE(text.find(part) != std::string::npos, part, " is not in ", text);
    CHECK(first.alerts().find(kept.front().string()) != std::string::npos);

    // Smaller than it wants to be, and the oldest makes room.
    first.set("EVIDENCE_SIZE=200");
    for (const auto* action : {"RESTART", "RECOVERY", "FINALACTION"})
        CHECK(first.run("preaction.sh", {{"CLP_ACTION", action}}).exit_code == 0);
    const auto later = files_in(first.dir().file("evidence"));
    CHECK(later.size() == 2);
    for (const auto& file : later)
        CHECK(std::filesystem::file_size(file) <= 200);
    CHECK_FALSE(std::filesystem::exists(kept.front()));
}

TEST_CASE("CLUSTERPRO: preaction.sh ends within its limit and 14 s, also where one answer may take longer than all") {
    Machine first("node1", Shape::systemd);
    write_program(first.dir().file("deaf"), "trap '' TERM\nwhile :; do read -r -t 1 <> <(:); done");
    first.set("NEZUBAN=" + first.dir().file("deaf"));
    first.set("ANSWER_LIMIT=60");
    first.set("EVIDENCE_LIMIT=2");

    const auto result = first.run("preaction.sh", {}, {}, std::chrono::seconds{2 + 14});

    CHECK_FALSE(result.timed_out);
    CHECK(result.exit_code == 0);
    CHECK(files_in(first.dir().file("evidence")).size() == 1);
}

TEST_CASE("CLUSTERPRO: if-active.sh lets a command through only where the group is active") {
    Machine first("node1", Shape::systemd);
    const auto command = first.dir().file("start-service");

    const auto refused = first.run("if-active.sh", {}, {command});
    CHECK(refused.exit_code == 1);
    CHECK(refused.output.find("not active on this node") != std::string::npos);
    CHECK(first.starts_by_nezuban() == 0);
    first.set("START_LIMIT=0");
    CHECK(first.run("start.sh").exit_code == 0);
    CHECK(first.run("if-active.sh", {}, {command}).exit_code == 0);
    CHECK(first.starts_by_nezuban() == 1);
    CHECK(first.run("stop.sh").exit_code == 0);
    CHECK(first.run("if-active.sh", {}, {command}).exit_code == 1);
    CHECK(first.starts_by_nezuban() == 1);
}

TEST_CASE("CLUSTERPRO, the simulator: a stop.sh that fails or hangs costs the node") {
    for (const auto* text : {"exit 1", "exec sleep 60"}) {
        CAPTURE(text);
        Machine first("node1", Shape::systemd);
        Machine second("node2", Shape::systemd);
        first.set("START_LIMIT=0");
        second.set("START_LIMIT=0");
        Cluster cluster({first.node(), second.node()}, {.script_limit = std::chrono::seconds{5}});
        cluster.start_group();
        write_program(first.dir().file("failover1/stop.sh"), text);

        cluster.stop_group();

        const auto& journal = cluster.journal();
        REQUIRE(journal.size() >= 3);
        CHECK(journal[1].starts_with("node1 stop.sh GROUPSTOP "));
        CHECK(journal[2] == "node1 shutdown");
        CHECK(cluster.active() == "node2");
    }
}

TEST_CASE("CLUSTERPRO, the simulator: a time-out of the monitor is no error by default, and that is why scripts end "
          "themselves") {
    Machine first("node1", Shape::systemd);
    Machine second("node2", Shape::systemd);
    first.set("START_LIMIT=0");
    second.set("START_LIMIT=0");
    Cluster cluster({first.node(), second.node()}, {.monitor_limit = std::chrono::milliseconds{200}});
    cluster.start_group();
    write_program(first.dir().file("failover1/genw.sh"), "exec sleep 60");

    CHECK(cluster.monitor_once() == Verdict::timed_out);
    CHECK(cluster.active() == "node1");
}
