// What Nagios reads: one line, one exit code, one "|".
#include "node.hpp"

#include <csignal>
#include <filesystem>
#include <regex>

using namespace nezuban::test;
using namespace nezuban::test::node;

namespace {

Answer check(std::vector<std::string> arguments, const std::string& nezuban = nezuban_binary()) {
    arguments.insert(arguments.begin(), {source("scripts/nagios/check_nezuban"), "--program", nezuban});
    return run(arguments);
}

// The Monitoring Plugins' guidelines: SERVICE STATUS: text | 'label'=value[UOM];warn;crit;min;max …, and the exit code
// that says the same as the word.
void conforms(const Answer& answer) {
    static const std::regex line(R"(NEZUBAN (OK|WARNING|CRITICAL|UNKNOWN): [^|\n]+(\|[^|\n]+)?\n)");
    static const std::regex data(R"(('([^'=]|'')+'|[^ '=]+)=-?[0-9.]+;[0-9]*;[0-9]*;[0-9]*;?[0-9]*)");
    std::smatch parts;
    CAPTURE(answer.out);
    REQUIRE(std::regex_match(answer.out, parts, line));
    const std::vector<std::string> words{"OK", "WARNING", "CRITICAL", "UNKNOWN"};
    REQUIRE(answer.exit_code >= 0);
    REQUIRE(answer.exit_code <= 3);
    CHECK(words[static_cast<std::size_t>(answer.exit_code)] == parts[1]);
    if (!parts[2].matched) return;
    std::istringstream all(parts[2].str().substr(1));
    for (std::string one; all >> one;) {
        CAPTURE(one);
        CHECK(std::regex_match(one, data));
    }
}

// Says text and ends with the code, whatever it is asked.
std::string fake(const TempDir& dir, const std::string& text) {
    auto path = dir.write("fake", "#!/bin/sh\n" + text + "\n");
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
}

} // namespace

TEST_CASE("Nagios hears OK, WARNING during a restart, CRITICAL when they are spent, and UNKNOWN when nobody answers") {
    NEEDS_DAEMON();
    // Given a service that may be restarted once, when the test says go
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    const Mailbox go(dir.file("go"));
    const auto name = fresh_name();
    std::vector<std::string> restart{"/bin/sh", "-c", "read -r go <\"$1\"; shift; exec \"$@\"", "sh", go.path()};
    for (const auto& word : detached(name, leash))
        restart.push_back(word);
    Daemon daemon(rule(name, "count.max = 5\nrestart.attempts = 1\nrestart.settle = \"0s\"\nrestart.command = "
                                 + command(restart)));
    auto service = start_program("nzidle", {"--name", name});
    daemon.start();
    Events events(daemon);
    const std::vector<std::string> ask{"--socket", daemon.socket(), "-n", name};

    auto answer = check(ask);
    for (const auto deadline = after(); contains(answer.out, "not judged yet") && Clock::now() < deadline;)
        answer = check(ask);
    conforms(answer);
    CHECK(answer.exit_code == 0);
    CHECK(answer.out == "NEZUBAN OK: 1 rules|'" + name + "'=1;;5;0\n");

    service.signal(SIGKILL);
    events.await(name, "restart");
    answer = check(ask);
    conforms(answer);
    CHECK(answer.exit_code == 1);
    CHECK(contains(answer.out, "'" + name + "'=0;;5;0"));

    go.send("go");
    events.await(name, "recovered");
    CHECK(check(ask).exit_code == 0);

    const auto status = nlohmann::json::parse(daemon.ask({"status", "--json", name}).out);
    ::kill(status["rules"][0]["pids"][0].get<pid_t>(), SIGKILL);
    events.await(name, "escalated");
    answer = check(ask);
    conforms(answer);
    CHECK(answer.exit_code == 2);

    // All rules, and one that isn't there.
    CHECK(check({"--socket", daemon.socket()}).exit_code == 2);
    answer = check({"--socket", daemon.socket(), "--name=nobody"});
    conforms(answer);
    CHECK(answer.exit_code == 3);

    // With more lines for people, the first one stays the same.
    auto verbose = ask;
    verbose.emplace_back("-v");
    answer = check(verbose);
    CHECK(answer.exit_code == 2);
    CHECK(answer.out.starts_with("NEZUBAN CRITICAL: "));
    CHECK(contains(answer.out.substr(answer.out.find('\n')), "exhausted"));

    // A daemon that hangs can't tell; it may take it a moment to be seen as stale.
    daemon.child().signal(SIGSTOP);
    for (const auto deadline = after(); answer.exit_code != 3 && Clock::now() < deadline;)
        answer = check(ask);
    conforms(answer);
    CHECK(answer.exit_code == 3);
    daemon.child().signal(SIGCONT);
    CHECK(daemon.stop().exit_code == 0);

    answer = check(ask);
    conforms(answer);
    CHECK(answer.exit_code == 3);
}

TEST_CASE("whatever goes wrong with the plugin itself is UNKNOWN, never WARNING or CRITICAL") {
    const TempDir dir;
    const auto unknown = [](const Answer& answer, const std::string& why) {
        conforms(answer);
        CHECK(answer.exit_code == 3);
        CHECK(contains(answer.out, why));
    };

    unknown(check({}, dir.file("nothing")), "No such file");
    unknown(check({}, dir.path().string()), "ended with 126");
    // Usage errors of nezuban end with 2, which is CRITICAL to Nagios; a refusing sudo with 1.
    unknown(check({}, fake(dir, "echo 'error: what | that' >&2; exit 2")), "error: what / that");
    unknown(check({}, fake(dir, "exit 1")), "ended with 1");
    unknown(check({}, fake(dir, "exit 0")), "ended with 0");
    unknown(check({}, fake(dir, "echo 'OK 1 rules'; exit 2")), "ended with 2");
    unknown(check({}, fake(dir, "kill -SEGV $$")), "ended with");
    unknown(check({"--timeout", "1"}, fake(dir, "exec sleep 600")), "no answer within 1 s");
    unknown(check({"--timeout", "1"}, fake(dir, "trap '' TERM; sleep 600 & wait $!; wait $!")), "no answer within 1 s");
    unknown(check({"--timeout", "soon"}), "no number of seconds: 'soon'");
    unknown(check({"--timeout"}), "wants a value");
    unknown(check({"--name", "a b"}), "no name of a rule");
    unknown(check({"--name="}), "no name of a rule");
    unknown(check({"--warning", "1"}), "unknown argument '--warning'");
}

TEST_CASE("a warning about the configuration is not taken for the answer") {
    const TempDir dir;
    const auto answer = check({}, fake(dir, "echo 'nezuban.toml:3:1: warning: x' >&2; echo \"OK 1 rules|'a'=1;;;0\""));
    conforms(answer);
    CHECK(answer.exit_code == 0);
    CHECK(answer.out == "NEZUBAN OK: 1 rules|'a'=1;;;0\n");
}

TEST_CASE("the plugin asks as it was told") {
    const TempDir dir;
    const auto answer =
        check({"-n", "scanner", "--name=mail", "-s", "/run/a socket"}, fake(dir, "[ $# -eq 6 ] && echo \"OK $*\""));
    CHECK(answer.out == "NEZUBAN OK: health --style=nagios --socket /run/a socket scanner mail\n");

    CHECK(contains(check({"-h"}).out, "-t, --timeout SECONDS"));
    CHECK(contains(check({"-V"}).out, "check_nezuban "));
}
