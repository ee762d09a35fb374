#include "cli/command_line.hpp"

#include <initializer_list>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace nezuban;
using namespace std::chrono_literals;

namespace {

struct Parsed {
    Options options;
    std::optional<int> exit_code;
    std::string out;
    std::string err;
};

Parsed parsed(std::initializer_list<const char*> words) {
    std::vector<const char*> argv{"nezuban"};
    argv.insert(argv.end(), words);
    Parsed result;
    std::ostringstream out;
    std::ostringstream err;
    result.exit_code = parse_command_line(static_cast<int>(argv.size()), argv.data(), result.options, out, err);
    result.out = out.str();
    result.err = err.str();
    return result;
}

std::string refused(std::initializer_list<const char*> words) {
    const auto result = parsed(words);
    CHECK(result.exit_code == 2);
    CHECK(result.out.empty());
    return result.err;
}

} // namespace

TEST_CASE("what stands for every verb may stand before it or after it") {
    for (const auto& result : {parsed({"-c", "a.toml", "--json", "--socket", "/s", "status", "x"}),
                               parsed({"status", "x", "-c", "a.toml", "--json", "--socket=/s"}),
                               parsed({"--json", "status", "-c", "a.toml", "x", "--socket", "/s"})}) {
        CAPTURE(result.err);
        CHECK_FALSE(result.exit_code.has_value());
        CHECK(result.options.verb == "status");
        CHECK(result.options.config == "a.toml");
        CHECK(result.options.socket == "/s");
        CHECK(result.options.json);
        CHECK(result.options.names == std::vector<std::string>{"x"});
    }
    const auto plain = parsed({"run"});
    CHECK(plain.options.config == "/etc/nezuban/nezuban.toml");
    CHECK_FALSE(plain.options.socket.has_value());
    CHECK_FALSE(plain.options.json);
}

TEST_CASE("each verb takes what it needs") {
    CHECK(parsed({"match", "a", "b"}).options.names == std::vector<std::string>{"a", "b"});
    CHECK(parsed({"health"}).options.style == HealthStyle::clusterpro);
    CHECK(parsed({"health", "a", "--style=nagios"}).options.style == HealthStyle::nagios);
    CHECK(parsed({"pause", "a", "--for", "1h30m"}).options.hold == 90min);
    CHECK(parsed({"doctor", "--for", "500ms"}).options.hold == 500ms);
    CHECK(parsed({"record", "f", "--for", "10s"}).options.file == "f");
    CHECK(parsed({"replay", "f", "-c", "c"}).options.config == "c");

    const auto events = parsed({"events", "-f", "--since", "2h", "--rule", "r", "-n", "7"}).options;
    CHECK(events.follow);
    CHECK(events.since == "2h");
    CHECK(events.rule == "r");
    CHECK(events.last == 7U);
}

TEST_CASE("a rule may have the name of a verb") {
    const auto result = parsed({"pause", "status"});
    CHECK_FALSE(result.exit_code.has_value());
    CHECK(result.options.verb == "pause");
    CHECK(result.options.names == std::vector<std::string>{"status"});
}

TEST_CASE("a slip of the finger is answered with what was probably meant") {
    CHECK(refused({}) == "nezuban: a verb is missing: see nezuban --help\n");
    CHECK(refused({"stauts"}) == "nezuban: unknown verb 'stauts' (did you mean \"status\"?)\n");
    CHECK(refused({"explian", "1"}) == "nezuban: unknown verb 'explian' (did you mean \"explain\"?)\n");
    CHECK(refused({"sing", "1"}) == "nezuban: unknown verb 'sing'\n");
    CHECK(refused({"explain"}) == "nezuban: TARGET is required\n");
    CHECK(refused({"status", "--jsno"}) == "nezuban: unknown option '--jsno' (did you mean \"--json\"?)\n");
    CHECK(refused({"health", "--stile=ocf"}) == "nezuban: unknown option '--stile' (did you mean \"--style\"?)\n");
    CHECK(refused({"pause", "a", "b"}) == "nezuban: NAME: At Most 1 required but received 2\n");
    CHECK(refused({"reload", "a"}) == "nezuban: 'a' is one argument too many\n");
}

TEST_CASE("wrong usage says what is wrong, and ends with 2") {
    CHECK(refused({"pause"}).find("NAME is required") != std::string::npos);
    CHECK(refused({"record"}).find("FILE is required") != std::string::npos);
    CHECK(refused({"health", "--style=xyz"}).find("unknown style 'xyz'") != std::string::npos);
    CHECK(refused({"pause", "a", "--for", "10"}).find("--for") != std::string::npos);
    CHECK(refused({"pause", "a", "--for", "0s"}).find("more than zero") != std::string::npos);
    CHECK(refused({"events", "-n", "-1"}).find("--last") != std::string::npos);
    CHECK(refused({"events", "-n", "x"}).find("--last") != std::string::npos);
    CHECK(refused({"-c"}).find("--config") != std::string::npos);
}

TEST_CASE("help and version are answers, on standard output") {
    const auto help = parsed({"--help"});
    CHECK(help.exit_code == 0);
    CHECK(help.err.empty());
    CHECK(help.out.find("Examples:") != std::string::npos);
    CHECK(help.out.find("status") != std::string::npos);
    const auto of_verb = parsed({"pause", "-h"});
    CHECK(of_verb.exit_code == 0);
    CHECK(of_verb.out.find("--for D") != std::string::npos);
    CHECK(parsed({"--version"}).out == "nezuban " NEZUBAN_VERSION "\n");
}
