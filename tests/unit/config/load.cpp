#include "config/load.hpp"

#include "in_memory.hpp"

#include <doctest/doctest.h>

using namespace nezuban;
using namespace nezuban::test;

namespace {

const std::string everything = R"toml(
[daemon]
state_dir = "/srv/nezuban"
socket = "/run/other.sock"
reconcile = "2s"
log = { level = "debug", format = "json" }
ring_size = 65536
history_size = "1MiB"

[[process]]
name = "scanner"
match.comm = "scand"
match.exe = "/opt/mailsec/*/scand"
match.args = ["--queue", "inbound"]
match.args_regex = "--queue=(in|out)"
match.user = "mailsec"
match.group = 12
match.cgroup = "/system.slice/**"
count.min = 2
count.max = 500
count.for = "1m30s"
count.per = "user"
count.over = "run"
count.over_command = ["/usr/local/sbin/pause-intake"]
hang.uninterruptible = "off"
hang.stopped = false
hang.deadlock = false
hang.lock_wait = "10s"
hang.heartbeat = "1m"
hang.heartbeat_file = "/run/scand.beat"
hang.action = "restart"
requires = ["postgres"]
ready.tcp = "unix:/run/scand.sock"
ready.every = "200ms"
ready.timeout = "9s"
restart.stop = ["systemctl", "stop", "mailsec"]
restart.start = ["systemctl", "start", "mailsec"]
restart.signal = "SIGINT"
restart.kill_after = "1s"
restart.timeout = "2s"
restart.settle = "3s"
restart.delay = "4s"
restart.delay_max = "5s"
restart.attempts = 6
restart.window = "7h"
restart.forget = "8m"
escalate.action = "exit"
escalate.exit_code = 11
notify.command = ["/usr/local/sbin/notify"]

[[process]]
name = "postgres"
[process.match]
unit = "postgresql@15-main.service"

[[group]]
name = "mail"
members = ["postgres", "scanner"]
restart = "all"
attempts = 4
window = "6h"
)toml";

RuleSpec expected_scanner() {
    RuleSpec rule;
    rule.name = "scanner";
    rule.match = {.comm = "scand",
                  .exe = "/opt/mailsec/*/scand",
                  .args = {"--queue", "inbound"},
                  .args_regex = "--queue=(in|out)",
                  .user = Principal{"mailsec", 990},
                  .group = Principal{"12", 12},
                  .cgroup = "/system.slice/**",
                  .unit = std::nullopt,
                  .kernel_thread = false,
                  .any = false};
    rule.count = {.min = 2,
                  .max = 500,
                  .hold = 90s,
                  .per = Per::user,
                  .over = Over::run,
                  .over_command = {"/usr/local/sbin/pause-intake"}};
    rule.hang.uninterruptible.reset();
    rule.hang.stopped.reset();
    rule.hang.deadlock = false;
    rule.hang.lock_wait = 10s;
    rule.hang.heartbeat = 1min;
    rule.hang.heartbeat_file = "/run/scand.beat";
    rule.hang.action = HangAction::restart;
    rule.required = {"postgres"};
    rule.ready.tcp = "unix:/run/scand.sock";
    rule.ready.every = 200ms;
    rule.ready.timeout = 9s;
    rule.restart = {.command = {},
                    .stop = {"systemctl", "stop", "mailsec"},
                    .start = {"systemctl", "start", "mailsec"},
                    .signal = 2,
                    .kill_after = 1s,
                    .timeout = 2s,
                    .settle = 3s,
                    .delay = 4s,
                    .delay_max = 5s,
                    .attempts = 6,
                    .window = 7h,
                    .forget = 8min};
    rule.escalate = {.action = EscalateAction::exit, .command = {}, .exit_code = 11};
    rule.notify_command = {"/usr/local/sbin/notify"};
    return rule;
}

} // namespace

TEST_CASE("every key arrives where it belongs") {
    const auto loaded = load_text(everything);
    CAPTURE(told(loaded));
    REQUIRE(loaded.ok());
    CHECK(loaded.diagnostics.empty());
    CHECK(loaded.spec.daemon
          == DaemonSpec{.state_dir = "/srv/nezuban",
                        .socket = "/run/other.sock",
                        .reconcile = 2s,
                        .log_level = "debug",
                        .log_format = LogFormat::json,
                        .ring_size = 65536,
                        .history_size = 1U << 20U});
    REQUIRE(loaded.spec.rules.size() == 2);
    CHECK(loaded.spec.rules[0] == expected_scanner());
    RuleSpec postgres;
    postgres.name = "postgres";
    postgres.match.unit = "postgresql@15-main.service";
    CHECK(loaded.spec.rules[1] == postgres);
    REQUIRE(loaded.spec.groups.size() == 1);
    CHECK(loaded.spec.groups[0]
          == GroupSpec{.name = "mail",
                       .members = {"postgres", "scanner"},
                       .restart = GroupRestart::all,
                       .attempts = 4,
                       .window = 6h});
}

TEST_CASE("dotted keys and tables mean the same") {
    const auto dotted = load_text("[[process]]\nname = \"a\"\nmatch.comm = \"a\"\ncount.max = 3\n");
    const auto tables = load_text("[[process]]\nname = \"a\"\nmatch = { comm = \"a\" }\n[process.count]\nmax = 3\n");
    REQUIRE(dotted.ok());
    CHECK(dotted.spec.rules == tables.spec.rules);
}

TEST_CASE("a rule inherits key by key, wherever it stands") {
    const auto loaded = load_texts({{"/etc/nezuban/nezuban.toml", R"(
include = ["conf.d/*"]
[[process]]
name = "main"
match.comm = "main"
restart.attempts = 9
[defaults]
restart.attempts = 5
restart.window = "1h"
count.max = 7
)"},
                                    {"/etc/nezuban/conf.d/a.toml", R"(
[[process]]
name = "dropped-in"
match.comm = "a"
count.max = 8
)"}});
    CAPTURE(told(loaded));
    REQUIRE(loaded.ok());
    REQUIRE(loaded.spec.rules.size() == 2);
    CHECK(loaded.spec.rules[0].restart.attempts == 9);
    CHECK(loaded.spec.rules[0].restart.window == 1h);
    CHECK(loaded.spec.rules[0].count.max == 7U);
    CHECK(loaded.spec.rules[1].name == "dropped-in");
    CHECK(loaded.spec.rules[1].restart.attempts == 5);
    CHECK(loaded.spec.rules[1].count.max == 8U);
}

TEST_CASE("what [defaults] offers and a rule has no use for does no harm") {
    const auto loaded = load_text(R"(
[defaults]
requires = ["postgres"]
count.over = "stop-newest"
count.over_command = ["pause"]
escalate.command = ["page"]
[[process]]
name = "postgres"
match.comm = "postgres"
[[process]]
name = "scanner"
match.comm = "scand"
)");
    CAPTURE(told(loaded));
    REQUIRE(loaded.ok());
    CHECK(loaded.spec.rules[0].required.empty()); // everybody but itself
    CHECK(loaded.spec.rules[1].required == std::vector<std::string>{"postgres"});
}

TEST_CASE("drop-ins come in the order of the patterns, each file once, the main file never again") {
    const std::string rule = "[[process]]\nmatch.comm = \"x\"\nname = ";
    const auto loaded = load_texts(
        {{"/etc/nezuban/nezuban.toml", "include = [\"z.toml\", \"./*\", \"/opt/other.toml\"]\n" + rule + "\"main\"\n"},
         {"/etc/nezuban/a.toml", rule + "\"a\"\n"},
         {"/etc/nezuban/z.toml", rule + "\"z\"\n"},
         {"/opt/other.toml", rule + "\"other\"\n"},
         {"/etc/nezuban/./a.toml", rule + "\"a\"\n"},
         {"/etc/nezuban/./nezuban.toml", rule + "\"main\"\n"}});
    CAPTURE(told(loaded));
    REQUIRE(loaded.ok());
    std::string order;
    for (const auto& each : loaded.spec.rules) {
        order += each.name + ' ';
    }
    CHECK(order == "main z a other ");
}

TEST_CASE("an include that cannot be followed is told where it was asked for") {
    const auto loaded = load_text("include = [\"gone.toml\", \"forbidden/*\", \"none/*\"]\n");
    CHECK(told(loaded)
          == "/etc/nezuban/nezuban.toml:1:12: error: opening /etc/nezuban/gone.toml: No such file or directory\n"
             "/etc/nezuban/nezuban.toml:1:25: error: include: expanding /etc/nezuban/forbidden/*: Permission denied\n");
}

TEST_CASE("a main file that cannot be read is an error by itself") {
    const auto loaded = load_texts({});
    CHECK_FALSE(loaded.ok());
    CHECK(told(loaded).starts_with("/etc/nezuban/nezuban.toml:1:1: error: opening /etc/nezuban/nezuban.toml"));
}

TEST_CASE("ten megabytes are refused, not parsed") {
    const auto loaded = load_text(std::string(10'000'000, '#'));
    REQUIRE(loaded.diagnostics.size() == 1);
    CHECK(loaded.diagnostics[0].text == "this file has 10000000 bytes, a configuration at most 1048576");
}

TEST_CASE("a file of exactly the allowed length is read") {
    std::string text = "[[process]]\nname = \"a\"\nmatch.comm = \"a\"\n#";
    text.resize(longest_configuration, '#');
    CHECK(load_text(text).ok());
    text += '#';
    CHECK_FALSE(load_text(text).ok());
}

TEST_CASE("a broken drop-in does not keep the others from being examined") {
    const auto loaded = load_texts({{"/etc/nezuban/nezuban.toml", "include = [\"conf.d/*\"]\n"},
                                    {"/etc/nezuban/conf.d/a.toml", "[[process\n"},
                                    {"/etc/nezuban/conf.d/b.toml", "[[process]]\nname = 1\nmatch.comm = \"b\"\n"}});
    REQUIRE(loaded.diagnostics.size() == 2);
    CHECK(loaded.diagnostics[0].file == "/etc/nezuban/conf.d/a.toml");
    CHECK(loaded.diagnostics[1].file == "/etc/nezuban/conf.d/b.toml");
    CHECK(loaded.diagnostics[1].line == 2);
}

TEST_CASE("users and groups by name and by number") {
    const auto rule = [](const std::string& key) {
        return load_text("[[process]]\nname = \"a\"\nmatch." + key + "\n").spec.rules.at(0).match;
    };
    CHECK(rule("user = \"root\"").user == Principal{"root", 0});
    CHECK(rule("user = \"1000\"").user == Principal{"1000", 1000});
    CHECK(rule("user = 1000").user == Principal{"1000", 1000});
    CHECK(rule("group = \"mailsec\"").group == Principal{"mailsec", 990});
    CHECK_FALSE(rule("group = \"10x\"").group.has_value());
}

TEST_CASE("kernel threads may be watched all together or by name") {
    CHECK(load_text("[[process]]\nname = \"k\"\nmatch.kernel_thread = true\nmatch.any = true\n").ok());
    CHECK(load_text("[[process]]\nname = \"k\"\nmatch.kernel_thread = true\nmatch.comm = \"nfsd\"\n").ok());
}
