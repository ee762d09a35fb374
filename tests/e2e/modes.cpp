// The daemon where BPF is refused: it says so, and does its work all the same.
#include "e2e/stage.hpp"

#include <csignal>
#include <cstdlib>

using namespace nezuban::test;

namespace {

// Daemons that are started while this lives do without.
class Without {
public:
    explicit Without(const std::string& names) {
        if (const char* before = std::getenv(variable)) before_ = before;
        ::setenv(variable, names.c_str(), 1);
    }
    ~Without() {
        if (before_)
            ::setenv(variable, before_->c_str(), 1);
        else
            ::unsetenv(variable);
    }
    Without(const Without&) = delete;
    Without& operator=(const Without&) = delete;
    Without(Without&&) = delete;
    Without& operator=(Without&&) = delete;

private:
    static constexpr const char* variable = "NEZUBAN_WITHOUT";
    std::optional<std::string> before_;
};

struct Restored {
    json start; // of the daemon, as the history tells it
    json exit;
    json daemon; // its part of the status
};

// A service is killed, and has to come back.
Restored restore_a_service(const std::string& without) {
    const Without fewer(without);
    const auto name = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    Daemon daemon(rule(name, "restart.command = " + command(detached(name, leash)) + "\nrestart.settle = \"0s\""));
    auto service = start_program("nzidle", {"--name", name});
    daemon.start();
    Events events(daemon);
    Restored seen{.daemon = status_of(daemon).at("daemon")};
    seen.start = events.await([](const json& event) { return event["event"] == "daemon_start"; });
    REQUIRE(only_pid(rule_status(daemon, name)) == service.pid());

    service.signal(SIGKILL);
    seen.exit = events.await(name, "exit");
    events.await(name, "restart");
    events.await(name, "recovered");
    CHECK(only_pid(rule_status(daemon, name)) != service.pid());
    CHECK(count_of(daemon, name, "restart") == 1);
    CHECK(daemon.log().find("do not reach us") == std::string::npos);
    return seen;
}

} // namespace

TEST_CASE("without BPF the process connector tells of births and ends, and a service is restarted at once") {
    NEEDS_DAEMON();
    const auto seen = restore_a_service("bpf");

    if (seen.daemon["mode"] == "polling") SKIP("not on this kernel: the process connector doesn't answer");
    CHECK(seen.daemon["mode"] == "connector");
    CHECK(seen.daemon["missing"].size() > 1);
    CHECK(seen.start["reason"].get<std::string>().find("mode connector (BPF is left out by --without)")
          != std::string::npos);
    CHECK(seen.exit["cause"]["signal"] == "SIGKILL");
    CHECK(seen.exit["cause"]["sender_pid"].is_null());
}

TEST_CASE("without BPF and the process connector, comparisons find who is gone, and the service is restarted") {
    NEEDS_DAEMON();
    const auto seen = restore_a_service("bpf,connector");

    CHECK(seen.daemon["mode"] == "polling");
    CHECK(seen.start["reason"].get<std::string>().find("mode polling") != std::string::npos);
    CHECK(seen.exit["cause"]["signal"].is_null());
}

TEST_CASE("a restart that one daemon has begun is finished by the next one in another mode, and by the one after it") {
    NEEDS_DAEMON();
    // Given a service whose restart command takes its time,
    const auto name = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    Mailbox told(dir.file("told"));
    auto waits = detached(name, leash);
    waits.insert(waits.begin(), {told.path(), dir.file("go")});
    Daemon daemon(rule(name, "restart.command = "
                                 + script("said=$1 go=$2; shift 2; echo begun >$said; "
                                          "until [ -e $go ]; do sleep 0.01; done; exec \"$@\"",
                                          waits)
                                 + "\nrestart.settle = \"0s\""));
    auto service = start_program("nzidle", {"--name", name});
    daemon.start();
    service.signal(SIGKILL);
    told.await("begun");

    // when the daemon is killed meanwhile, and comes back twice in other modes
    for (const auto* fewer : {"bpf", "bpf,connector"}) {
        daemon.stop(SIGKILL);
        const Without features(fewer);
        daemon.start();
        CHECK(rule_status(daemon, name)["state"] == "restarting");
    }
    Events events(daemon);
    dir.write("go", "");

    // then the command is waited for, and was never run a second time.
    events.await(name, "recovered");
    CHECK(count_of(daemon, name, "restart") == 1);
    CHECK(count_of(daemon, name, "restart_resumed") == 2);
    CHECK(rule_status(daemon, name)["count"] == 1);
    daemon.stop();
    daemon.start();
    CHECK(rule_status(daemon, name)["state"] == "ok");
}

TEST_CASE("without BPF a stopped process and a deadlock are told, and doctor says what to mend") {
    NEEDS_DAEMON();
    for (const auto* fewer : {"bpf", "bpf,connector"}) {
        const Without features(fewer);
        const auto stopped = fresh_name();
        const auto locked = fresh_name();
        Daemon daemon(rule(stopped, "hang.stopped = \"100ms\"") + rule(locked, "hang.deadlock = true"));
        auto sleeper = start_program("nzidle", {"--name", stopped});
        auto lock = start_program("nzlock", {"cycle2", "--name", locked});
        sleeper.signal(SIGSTOP);
        daemon.start();
        Events events(daemon);
        Events others(daemon);

        CHECK(events.await(stopped, "hang")["evidence"]["state"] == "T");
        const auto deadlock = others.await(locked, "hang");
        CHECK(deadlock["evidence"]["cycle"].size() == 2);
        const auto explained = daemon.ask({"explain", std::to_string(lock.pid()), "--json"});
        CHECK(json::parse(explained.out)["verdict"] == "hung");
        sleeper.signal(SIGCONT);
        events.await(stopped, "recovered");

        const auto doctor = daemon.ask({"doctor", "--json"});
        CHECK(doctor.exit_code == 1);
        const auto findings = json::parse(doctor.out);
        CHECK(findings["mode"] == status_of(daemon)["daemon"]["mode"]);
        CHECK(findings["to_mend"][0] == "BPF is left out by --without");
    }
}
