// The OCF agent alone: what it answers to whom, without a cluster and without the package resource-agents.
#include "handover/pacemaker_lab.hpp"

#include <chrono>
#include <map>

namespace nezuban::test::pacemaker {

namespace {

constexpr int ok = 0;
constexpr int failed = 1;
constexpr int bad_arguments = 2;
constexpr int not_installed = 5;
constexpr int bad_configuration = 6;
constexpr int not_running = 7;

using Parameters = std::map<std::string, std::string>;

// A configuration with the rule "scanner", and the agent's parameters for it.
class Stage {
public:
    explicit Stage(const std::string& keys = {}, const std::string& shape = "managed") {
        node_.dir().write("nezuban.toml", "[daemon]\nstate_dir = \"" + node_.dir() / "state" + "\"\nsocket = \""
                                              + node_.dir() / "control.sock" + "\"\n" + scanner(comm_, broken(), keys));
        parameters_ = {{"daemon", shape},
                       {"binary", nezuban_binary()},
                       {"config", node_.dir() / "nezuban.toml"},
                       {"log", node_.dir() / "log/nezuban.log"},
                       {"names", "scanner"}};
    }

    // The exit code of an action; what it said is in `said`.
    int agent(const std::string& action, const Parameters& other = {}, const std::string& environment = {}) {
        auto parameters = other;
        parameters.insert(parameters_.begin(), parameters_.end());
        std::string line = "OCF_ROOT=/nowhere OCF_RESOURCE_INSTANCE=scanner OCF_RESKEY_CRM_meta_timeout=15000 ";
        for (const auto& [name, value] : parameters)
            line += "OCF_RESKEY_" + name + "='" + value + "' ";
        auto answer =
            node_.run(line + environment + " " + NEZUBAN_SOURCE_DIR "/scripts/pacemaker/nezuban " + action, after());
        said = answer.text;
        return answer.exit_code;
    }
    int monitor() {
        return agent("monitor", {}, "OCF_RESKEY_CRM_meta_interval=10000");
    }
    std::string nezuban(const std::string& verb) {
        return node_.run(nezuban_binary() + " " + verb + " -c " + node_.dir() / "nezuban.toml").text;
    }
    void await(const std::string& verb, const std::string& text) {
        node_.await(nezuban_binary() + " -c " + node_.dir() / "nezuban.toml " + verb, says(text));
    }
    // As systemd would run it, which isn't there.
    void run_daemon() {
        node_.must("setsid " + nezuban_binary() + " run -c " + node_.dir() / "nezuban.toml" + " >>"
                   + node_.dir() / "daemon.log" + " 2>&1 & daemon=$!");
        await("status", "scanner");
    }
    // Ends all restarts that are left.
    void spend_budget() {
        break_it();
        kill_service();
        await("status", "exhausted");
    }
    void break_it() {
        node_.must("touch " + broken());
    }
    void mend() {
        node_.must("rm " + broken());
    }
    void kill_service() {
        node_.must(kill_all(comm_));
    }
    // Of the daemon that the agent has started.
    std::string noted_pid() {
        return node_.must("cut -d' ' -f2 " + state_file + " | tr -d '\\n'");
    }
    // A zombie is nobody's daemon any more: whoever adopted it may take its time to reap it.
    bool gone(const std::string& pid) {
        return node_.run(living(pid)).exit_code != 0;
    }
    void await_end(const std::string& pid) {
        node_.await(living(pid), [](const Said& answer) { return answer.exit_code != 0; });
    }
    // A program in the place of nezuban whose answer is late: the next one ("once"), each ("always"), or that can't be
    // loaded
    // ("for ever").
    void make_late(const std::string& how) {
        const auto file = node_.dir().write("how", how);
        late_ =
            node_.dir().write("late", "#!/bin/sh\ncase $(cat " + file + ") in\nonce) echo no >" + file
                                          + "; exec sleep 100 ;;\nalways) exec sleep 100 ;;\n"
                                          + "'for ever') exit 127 ;;\nesac\nexec " + nezuban_binary() + " \"$@\"\n");
        node_.must("chmod +x " + late_);
    }
    [[nodiscard]] const std::string& late() const {
        return late_;
    }
    Node& node() {
        return node_;
    }

    std::string said;
    const std::string state_file = "/run/resource-agents/nezuban-scanner.state";

private:
    static std::string living(const std::string& pid) {
        return "grep -v ') Z' /proc/" + pid + "/stat";
    }
    [[nodiscard]] std::string broken() const {
        return node_.dir() / "broken";
    }

    std::string comm_ = fresh_name();
    std::string late_;
    Node node_{"agent"};
    Parameters parameters_;
};

} // namespace

TEST_CASE("the daemon as a resource starts well, is stopped for good, and may be asked for both twice") {
    NEEDS_NODE();
    Stage stage;
    CHECK(stage.monitor() == not_running);
    CHECK(stage.agent("stop") == ok);

    CHECK_MESSAGE(stage.agent("start") == ok, stage.said);
    const auto status = stage.nezuban("status");
    CHECK_MESSAGE(status.find("scanner  ok") != std::string::npos, status); // started means well
    CHECK(stage.monitor() == ok);
    CHECK(stage.agent("status") == ok);
    CHECK(stage.agent("monitor", {}, "OCF_CHECK_LEVEL=10") == ok);
    const auto pid = stage.noted_pid();
    CHECK(stage.agent("start") == ok);
    CHECK(stage.noted_pid() == pid);
    CHECK(stage.agent("reload") == ok);

    CHECK_MESSAGE(stage.agent("stop") == ok, stage.said);
    CHECK(stage.gone(pid));
    CHECK(stage.agent("stop") == ok);
    CHECK(stage.monitor() == not_running);
}

TEST_CASE("a spent budget fails the resource until it is started anew; a restart that mends does not") {
    NEEDS_NODE();
    Stage stage;
    REQUIRE_MESSAGE(stage.agent("start") == ok, stage.said);

    stage.kill_service();
    stage.await("events --rule scanner | grep -c recovered", "2"); // the first one was the start's
    CHECK(stage.monitor() == ok);

    stage.spend_budget();
    CHECK(stage.monitor() == failed);
    CHECK_MESSAGE(stage.said.find("ocf-exit-reason:failed: scanner") != std::string::npos, stage.said);

    stage.mend();
    CHECK(stage.agent("stop") == ok);
    CHECK_MESSAGE(stage.agent("start") == ok, stage.said);
    CHECK(stage.monitor() == ok);
}

TEST_CASE("a start that can't bring the service is a failure, and says why") {
    NEEDS_NODE();
    Stage stage;
    stage.break_it();
    CHECK(stage.agent("start") == failed);
    CHECK_MESSAGE(stage.said.find("ocf-exit-reason:failed: scanner: ") != std::string::npos, stage.said);
    CHECK(stage.agent("stop") == ok);
}

TEST_CASE("a daemon that has ended has failed: killed, or by its own escalation") {
    NEEDS_NODE();
    SUBCASE("killed") {
        Stage stage;
        REQUIRE_MESSAGE(stage.agent("start") == ok, stage.said);
        const auto pid = stage.noted_pid();
        stage.node().must("kill -KILL " + pid);
        stage.await_end(pid);
        CHECK(stage.monitor() == failed);
        CHECK_MESSAGE(stage.said.find(pid + ") was killed or crashed") != std::string::npos, stage.said);
        CHECK(stage.agent("monitor") == failed); // nor does a probe claim that it was stopped
        CHECK(stage.agent("stop") == ok);
        CHECK(stage.monitor() == not_running);
    }
    SUBCASE("escalated by exit") {
        Stage stage("escalate.action = \"exit\"\n");
        REQUIRE_MESSAGE(stage.agent("start") == ok, stage.said);
        const auto pid = stage.noted_pid();
        stage.break_it();
        stage.kill_service();
        stage.await_end(pid);
        CHECK(stage.monitor() == failed);
        CHECK_MESSAGE(stage.said.find("ocf-exit-reason:ended: scanner: escalated: 2 restarts") != std::string::npos,
                      stage.said);
        stage.mend();
        CHECK_MESSAGE(stage.agent("start") == ok, stage.said);
        CHECK(stage.monitor() == ok);
    }
}

TEST_CASE("a daemon that hangs has failed in time, and is ended all the same") {
    NEEDS_NODE();
    Stage stage;
    REQUIRE_MESSAGE(stage.agent("start") == ok, stage.said);
    const auto pid = stage.noted_pid();
    stage.node().must("kill -STOP " + pid);
    CHECK(stage.monitor() == failed);
    CHECK(stage.agent("stop") == ok);
    CHECK(stage.gone(pid));
}

TEST_CASE("a pid that is somebody else's by now is neither taken for the daemon nor ended") {
    NEEDS_NODE();
    Stage stage;
    stage.node().must("sleep 100 & other=$!");
    stage.node().must("mkdir -p /run/resource-agents");

    SUBCASE("of this boot: the daemon has ended") {
        stage.node().must("echo \"daemon $other 1 $(cat /proc/sys/kernel/random/boot_id)\" >" + stage.state_file);
        CHECK(stage.monitor() == failed);
    }
    SUBCASE("of an earlier boot: nothing has run since") {
        stage.node().must("echo \"daemon $other 1 00000000-0000-0000-0000-000000000000\" >" + stage.state_file);
        CHECK(stage.monitor() == not_running);
    }
    CHECK(stage.agent("stop") == ok);
    CHECK(stage.node().run("kill -0 $other").exit_code == 0);
}

TEST_CASE("a daemon that somebody else has started is seen, and stopped") {
    NEEDS_NODE();
    Stage stage;
    stage.run_daemon();
    stage.await("health --style=ocf", "ok: 1 rules");
    CHECK(stage.agent("monitor") == ok);
    CHECK_MESSAGE(stage.agent("stop") == ok, stage.said);
    CHECK(stage.monitor() == not_running);
}

TEST_CASE("the watch as a resource is resumed by start and paused by stop") {
    NEEDS_NODE();
    Stage stage({}, "external");
    CHECK(stage.agent("monitor") == not_running); // no daemon yet, as when the machine boots
    stage.run_daemon();
    stage.nezuban("pause scanner");
    CHECK(stage.agent("monitor") == not_running);

    CHECK_MESSAGE(stage.agent("start") == ok, stage.said);
    CHECK(stage.monitor() == ok);
    stage.await("status", "scanner  ok");

    SUBCASE("a spent budget is latched until the next start") {
        stage.spend_budget();
        CHECK(stage.monitor() == failed);
        stage.mend();
        CHECK(stage.monitor() == failed);
        CHECK(stage.agent("stop") == ok);
        CHECK(stage.agent("monitor") == not_running);
        CHECK_MESSAGE(stage.agent("start") == ok, stage.said);
        CHECK(stage.monitor() == ok);
    }
    SUBCASE("a name that isn't in the configuration is this node's error, but can be stopped") {
        CHECK(stage.agent("monitor", {{"names", "scaner"}}) == bad_arguments);
        CHECK(stage.agent("start", {{"names", "scanner scaner"}}) == bad_arguments);
        CHECK(stage.agent("stop", {{"names", "scanner scaner"}}) == ok);
        stage.await("status", "scanner  paused");
    }
    SUBCASE("the operator's pause is maintenance, not a stopped resource") {
        stage.nezuban("pause scanner");
        stage.kill_service();
        stage.await("status", "paused      0");
        CHECK(stage.monitor() == ok);
    }
    SUBCASE("without the daemon it has failed, and can be stopped") {
        stage.node().must("kill -KILL $daemon; wait $daemon || true");
        CHECK(stage.monitor() == failed);
        CHECK_MESSAGE(stage.agent("stop", {{"CRM_meta_timeout", "4000"}}) == ok, stage.said);
        CHECK(stage.agent("monitor") == not_running);
    }
    SUBCASE("a daemon that hangs can't be told to pause: the stop fails, and the cluster fences") {
        stage.node().must("kill -STOP $daemon");
        CHECK(stage.monitor() == failed);
        CHECK(stage.agent("stop", {{"CRM_meta_timeout", "5000"}}) == failed);
        stage.node().must("kill -CONT $daemon");
        CHECK(stage.agent("stop") == ok);
    }
}

TEST_CASE("a watch that is started while its daemon begins is not paused in the end") {
    NEEDS_NODE();
    Stage stage({}, "external");
    stage.run_daemon();
    auto& node = stage.node();
    const auto nezuban = [&](const std::string& verb) {
        return nezuban_binary() + " " + verb + " -c " + node.dir() / "nezuban.toml";
    };
    const auto program = [&](const std::string& name, const std::string& text) {
        auto path = node.dir().write(name, "#!/bin/sh\n" + text);
        node.must("chmod +x " + path);
        return path;
    };

    SUBCASE("by the drop-in, which has found no note and is about to pause: it goes first") {
        // until it sees the agent wait for it, or go on without
        node.must("mkdir " + node.dir() / "bin");
        program("bin/nezuban", "touch " + node.dir() / "about-to" + "\nuntil test -e " + node.dir() / "resumed"
                                   + " || grep -q -- \"-> FLOCK.*:$(stat -c %i " + stage.state_file
                                   + ".lock) \" /proc/locks; do sleep 0.05; done\nexec " + nezuban("pause scanner")
                                   + "\n");
        node.must(
            "(PATH=" + node.dir() / "bin"
            + ":$PATH; eval \"$(sed -n 's/^ExecStartPost=//p' " NEZUBAN_SOURCE_DIR
              "/scripts/pacemaker/nezuban.service.d/pacemaker.conf | sed s/nezuban-nezuban-watch/nezuban-scanner/g)\")"
              " & drop_in=$!");
        node.await("test -e " + node.dir() / "about-to", [](const Said& said) { return said.exit_code == 0; });
        const auto agents = program("agents", nezuban_binary() + " \"$@\"\ncode=$?\n[ $1 != resume ] || touch "
                                                  + node.dir() / "resumed" + "\nexit $code\n");
        CHECK_MESSAGE(stage.agent("start", {{"binary", agents}}) == ok, stage.said);
        node.must("wait $drop_in");
    }
    SUBCASE("by somebody who doesn't wait: it is resumed again") {
        const auto agents = program("agents", nezuban_binary() + " \"$@\"\ncode=$?\n[ $1 != resume ] || [ -e "
                                                  + node.dir() / "paused" + " ] || { touch " + node.dir() / "paused"
                                                  + "; " + nezuban("pause scanner") + "; }\nexit $code\n");
        CHECK_MESSAGE(stage.agent("start", {{"binary", agents}}) == ok, stage.said);
        CHECK_MESSAGE(stage.said.find("resumed again") != std::string::npos, stage.said);
    }
    stage.await("status", "scanner  ok");
    CHECK(stage.monitor() == ok);
    // The note says so: what comes with the next daemon pauses nothing.
    CHECK(node.run("test -e " + stage.state_file).exit_code == 0);
}

TEST_CASE("what is wrong with the parameters is told by the code that Pacemaker acts upon") {
    NEEDS_NODE();
    Stage stage;
    CHECK(stage.agent("validate-all") == ok);
    CHECK(stage.agent("validate-all", {{"daemon", "sometimes"}}) == bad_configuration);
    CHECK(stage.agent("start", {{"daemon", "external"}, {"names", ""}}) == bad_configuration);
    CHECK(stage.agent("start", {{"health_timeout", "soon"}}) == bad_configuration);
    CHECK(stage.agent("start", {{"binary", "/no/nezuban"}}) == not_installed);
    CHECK(stage.agent("monitor", {{"binary", "/no/nezuban"}}) == not_running); // a probe
    CHECK(stage.agent("stop", {{"binary", "/no/nezuban"}}) == ok);
    CHECK(stage.agent("start", {{"config", "/no/nezuban.toml"}}) == bad_arguments);
    CHECK(stage.agent("monitor", {{"config", "/no/nezuban.toml"}}) == not_running);
    stage.node().dir().write("wrong.toml", "[daemon]\nsocket = 3\n");
    CHECK(stage.agent("start", {{"config", stage.node().dir() / "wrong.toml"}}) == bad_arguments);
    CHECK_MESSAGE(stage.said.find("wrong.toml:2:") != std::string::npos, stage.said);
    CHECK(stage.agent("start", {{"names", "scaner"}}) == bad_arguments);
    CHECK(stage.agent("stop") == ok);
    // Where it may neither load programs nor look at the processes of others, nezuban doesn't run.
    CHECK(stage.agent("start", {}, "setpriv --bounding-set=-sys_admin,-bpf,-perfmon,-sys_ptrace") == not_installed);
    CHECK_MESSAGE(stage.said.find("nezuban run ended with 4") != std::string::npos, stage.said);
    CHECK(stage.agent("stop") == ok);
    CHECK(stage.agent("promote") == 3);
}

TEST_CASE("a daemon that has ended is stopped, however late a word about it comes, or when none comes at all") {
    NEEDS_NODE();
    Stage stage;
    REQUIRE_MESSAGE(stage.agent("start") == ok, stage.said);
    const auto pid = stage.noted_pid();

    SUBCASE("a machine on which one answer is late") {
        stage.make_late("once");
        CHECK_MESSAGE(stage.agent("stop", {{"binary", stage.late()}, {"health_timeout", "1"}}) == ok, stage.said);
        CHECK(stage.said.find("can't be told") == std::string::npos);
        CHECK(stage.monitor() == not_running);
    }
    SUBCASE("a machine on which all are") {
        stage.make_late("always");
        CHECK_MESSAGE(stage.agent("stop", {{"binary", stage.late()}, {"CRM_meta_timeout", "5000"}}) == ok, stage.said);
        CHECK_MESSAGE(stage.said.find("(pid " + pid + ") has ended") != std::string::npos, stage.said);
        CHECK(stage.monitor() == not_running);
    }
    SUBCASE("a program that can't be loaded any more") {
        stage.make_late("for ever");
        CHECK_MESSAGE(stage.agent("stop", {{"binary", stage.late()}}) == ok, stage.said);
        CHECK_MESSAGE(stage.said.find("(pid " + pid + ") has ended") != std::string::npos, stage.said);
        CHECK(stage.monitor() == not_running);
    }
    CHECK(stage.gone(pid));
}

TEST_CASE("where nothing was noted, a word that doesn't come is no proof that nothing runs") {
    NEEDS_NODE();
    Stage stage;
    stage.run_daemon();
    stage.make_late("always");

    CHECK(stage.agent("stop", {{"binary", stage.late()}, {"CRM_meta_timeout", "3000"}}) == failed);
    CHECK(stage.agent("stop") == ok);
}

TEST_CASE("monitor answers when nezuban does not") {
    NEEDS_NODE();
    Stage stage;
    REQUIRE_MESSAGE(stage.agent("start") == ok, stage.said);
    const auto stuck = stage.node().dir().write("stuck", "#!/bin/sh\nexec sleep 1000\n");
    stage.node().must("chmod +x " + stuck);
    CHECK(stage.agent("monitor", {{"binary", stuck}, {"CRM_meta_timeout", "3000"}}) == failed);
    CHECK_MESSAGE(stage.said.find("did not answer within ") != std::string::npos, stage.said);
    CHECK(stage.node()
              .run("pidof sleep | tr ' ' '\\n' | xargs -r -n1 -I{} readlink /proc/{}/ns/mnt "
                   "| grep -Fx \"$(readlink /proc/self/ns/mnt)\"")
              .exit_code
          != 0); // it was killed, too
    CHECK(stage.agent("stop") == ok);
}

} // namespace nezuban::test::pacemaker
