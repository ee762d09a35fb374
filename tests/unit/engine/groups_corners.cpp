// Corners of groups: by hand, paused, reloaded, reset, given up, killed and back, each where a review found it wanting.
#include "site.hpp"

#include <algorithm>
#include <cstdlib>
#include <random>

#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace nezuban;
using namespace nezuban::test;

TEST_CASE("a restart by hand that was not ready in time does not keep those down for ever that require it") {
    Site site(pair_of({.tcp = "ready:db", .timeout = 2s}), one_group());
    site.begin();
    site.habits["db"].ready = 3s;
    REQUIRE(site.story.engine.restart("db", site.story.now, site.story.wanted));
    site.run_for(30min);
    CHECK(site.done() == "stop app, stop db, start db, start app");
    CHECK(site.told(Happening::restart_failed, "db").size() == 1);
    CHECK(site.story.of("db").attempts_used == 0);
}

TEST_CASE("no more attempts than allowed") {
    SUBCASE("of a rule, when what it requires was away at the moment of its last failure") {
        auto rules = pair_of();
        rules[1].restart.attempts = 1;
        Site site(rules, {});
        site.begin();
        site.habits["app"] = {.start = 2s, .fails = true};
        site.kill("app");
        site.run_for(1950ms);
        site.kill("db");
        site.come_to_rest();
        CHECK(site.story.of("app").attempts_used <= 1);
    }
    SUBCASE("of a group, when several wait for their next one") {
        auto options = one_group({"a", "b", "c", "d"});
        options.groups[0].attempts = 5;
        Site site({service("a"), service("b"), service("c"), service("d")}, options);
        site.begin();
        for (const auto* name : {"a", "b", "c", "d"}) {
            site.habits[name].fails = true;
        }
        for (const auto* name : {"a", "b", "c", "d"}) {
            site.kill(name);
        }
        site.come_to_rest();
        CHECK(site.group("mail").attempts_used <= 5);
    }
}

TEST_CASE("who came back by himself while others made way is not ended") {
    auto rules = pair_of();
    SUBCASE("stopped and started") {}
    SUBCASE("by one command") {
        rules[0] = by_command("db");
    }
    Site site(rules, one_group());
    site.begin();
    site.habits["app"].stop = 5s;
    site.kill("db");
    site.run_for(1s);
    site.come_up("db");
    const auto db = site.process("db");
    site.come_to_rest();
    INFO(site.done());
    CHECK(site.process("db") == db);
}

TEST_CASE("a fall is told with who fell now") {
    Site site({service("db"), service("app", {"db"}), service("log")}, one_group({"db", "app", "log"}));
    site.begin();
    site.habits["log"].fails = true;
    SUBCASE("not with its own fall of last week") {
        site.kill("db");
        site.kill("log");
        site.come_to_rest();
        REQUIRE(site.story.state("log") == RuleState::exhausted);
        site.run_for(24h * 7);
        const auto pid = site.process("db").pid;
        site.kill("db");
        site.run_for(20ms);
        const auto under = site.told(Happening::restart, "app").back();
        CHECK(fact(under, "root_cause") == "db");
        CHECK(fact(under, "root_cause_pid") == std::to_string(pid));
        CHECK(site.group("mail").since > site.story.now - 1h);
    }
    SUBCASE("not with one that was given up last week, and has nothing to do with it") {
        site.kill("log");
        site.come_to_rest();
        REQUIRE(site.story.state("log") == RuleState::exhausted);
        site.run_for(24h * 7);
        site.kill("db");
        site.run_for(20ms);
        CHECK(fact(site.told(Happening::under, "db").back(), "root_cause") == "db");
        CHECK(variable(site.story.commands("app: stop").back(), "NEZUBAN_ROOT_CAUSE") == "db");
    }
}

TEST_CASE("a reload after a restart by hand, while records are lost, leaves nothing behind that points to old rules") {
    Site site(pair_of(), one_group());
    site.begin();
    site.story.lose();
    REQUIRE(site.story.engine.restart("db", site.story.now, site.story.wanted));
    auto rules = pair_of();
    rules[1].count.max = 7;
    site.story.engine.reload(rules, one_group().groups, site.story.now, site.story.wanted);
    site.story.snapshot();
    site.come_to_rest();
    CHECK(site.story.state("app") == RuleState::ok);
}

TEST_CASE("a stop command is run for kernel threads, which can't be signalled") {
    auto rules = pair_of();
    rules[1].match.kernel_thread = true;
    Site site(rules, one_group());
    site.begin();
    site.story.world.at(site.process("app")).kernel_thread = true;
    site.story.engine = Engine({.seed = 3}, rules, one_group().groups, {});
    site.story.snapshot();
    REQUIRE(site.story.count("app") == 1);
    site.kill("db");
    site.come_to_rest();
    CHECK(site.done().starts_with("stop app, start db, start app"));
}

TEST_CASE("who was stopped by us and need not be there is started again") {
    auto rules = pair_of();
    rules[1].count.min = 0;
    Site site(rules, one_group());
    site.begin();
    site.kill("db");
    site.habits["db"].start = 5s;
    site.run_for(1s);
    REQUIRE_FALSE(site.runs("app"));
    SUBCASE("when its start fails twice") {
        site.habits["app"].fails = true;
        site.run_for(6500ms);
        site.habits["app"].fails = false;
    }
    SUBCASE("when the budgets are reset in the middle") {
        REQUIRE(site.story.engine.reset("mail", site.story.now, site.story.wanted));
    }
    site.come_to_rest();
    site.run_for(1h);
    INFO(site.done());
    CHECK(site.runs("app"));
}

TEST_CASE("one that waits for its own next attempt is restarted although it comes back meanwhile") {
    auto rules = pair_of();
    rules[1].count.min = 2;
    rules[1].restart.delay = 60s;
    Site site(rules, one_group());
    site.habits["app"].fails = true;
    site.begin(); // one of two
    site.run_for(2s);
    site.come_up("app"); // by somebody else
    site.run_for(1s);
    REQUIRE(site.story.of("app").next_at);
    const auto old = site.process("app");
    site.habits["app"].fails = false;
    site.kill("db"); // under the one that runs
    site.run_for(5s);
    REQUIRE(site.last() == "start db");
    site.story.born("app");
    site.come_to_rest();
    INFO(site.done() << ": app is " << name_of(site.story.state("app")));
    CHECK_FALSE((site.runs("app") && site.process("app") == old));
}

TEST_CASE("who has nothing to do with a fall is not said to be restarted with it") {
    auto rules = pair_of();
    rules.push_back(service("log"));
    rules.back().count.max = 1;
    Site site(rules, one_group({"db", "app", "log"}));
    site.begin();
    site.habits["db"].start = 5s;
    site.kill("db");
    site.run_for(1s);
    site.story.born("log");
    site.run_for(1s);
    const auto over = site.told(Happening::over, "log");
    REQUIRE(over.size() == 1);
    CHECK(fact(over[0], "role") == "");
}

TEST_CASE("a reload says that ready has changed") {
    Story story(pair_of());
    story.snapshot();
    const auto lines = story.engine.reload(pair_of({.tcp = "ready:db"}), {}, story.now, story.wanted);
    CHECK(lines == std::vector<std::string>{"~ db: ready"});
}

TEST_CASE("one that is not ready is tried again, also when it had to wait for others before") {
    std::vector rules{service("x"), by_command("db", {"x"}), service("app", {"db"})};
    rules[1].ready = {.tcp = "ready:db", .timeout = 2s};
    Site site(rules, {});
    site.begin();
    site.habits["db"].ready = 1h;
    site.habits["x"].start = 10s;
    site.kill("db");
    site.run_for(2s);
    site.kill("x");
    site.run_for(1s); // not ready in time, and x is away
    site.habits["db"].ready = 0s;
    site.kill("app");
    site.run_for(10min);
    INFO("db is " << name_of(site.story.state("db")) << ", app is " << name_of(site.story.state("app"))
                  << ", failed for health: " << site.story.of("app").failed << ", steps: " << site.done());
    CHECK((site.runs("app") || site.story.of("app").failed || site.story.of("db").failed));
}

TEST_CASE("a plan is not resumed for a rule that means other processes now") {
    RuleMemory memory{.rule = "db", .attempts = {}, .exhausted_reason = {}};
    memory.plan = PlanMemory{.reason = "0 running, at least 1 wanted", .attempt = 1};
    auto changed = service("db");
    changed.match.comm = "postgres"; // it was something else when the daemon before was killed
    Story story({changed}, {.memories = {memory}});
    story.present("postgres");
    story.snapshot();
    story.wait(1min);
    CHECK(story.commands("db: stop").empty());
}

TEST_CASE("a child that outlives its server for a moment does not make the server's fall later") {
    Site site({service("db"), service("app", {"db"}), service("web", {"app"})}, one_group({"db", "app", "web"}));
    site.begin();
    const auto usual = site.story.fork(site.process("db"));
    site.story.die(usual, {.known = true}, site.story.now);
    site.run_for(20ms);
    const auto connection = site.story.fork(site.process("db")); // its new title is read at the next comparison
    site.kill("db");
    site.run_for(1ms);
    site.kill("app"); // lost its connection
    site.run_for(1ms);
    site.story.die(connection, {.exit_code = 1, .known = true}, site.story.now); // misses its server
    site.run_for(20ms);
    CHECK(site.group("mail").reason.ends_with("was killed by SIGKILL"));
    CHECK(site.group("mail").root_cause == "db");
    CHECK(site.group("mail").consequences == std::vector<std::string>{"app", "web"});
    site.come_to_rest();
    CHECK(site.story.of("app").attempts_used == 0);
}

TEST_CASE("a reset while one that did not get ready waits for its next attempt starts nobody who requires it") {
    auto rules = pair_of({.tcp = "ready:db", .timeout = 2s});
    for (auto& rule : rules)
        rule.restart.delay = 1min;
    Site site(rules, one_group());
    site.begin();
    site.habits["db"].ready = 1h;
    site.kill("db");
    site.run_for(5s); // not ready in time
    const auto before = site.steps.size();
    REQUIRE(site.story.engine.reset("db", site.story.now, site.story.wanted));
    site.run_for(100ms);
    INFO("steps: " << site.done());
    CHECK(site.steps.size() > before);
    CHECK(std::ranges::find(site.steps, "start app") == site.steps.end());
    site.habits["db"].ready = 0s;
    site.come_to_rest();
    CHECK(site.steps.back() == "start app");
}

TEST_CASE("one that comes up late, but after what it requires, is not restarted once more") {
    auto rules = pair_of();
    rules[1].restart.delay = 10s;
    Site site(rules, one_group());
    site.begin();
    SUBCASE("later than the command's grace") {
        site.habits["app"].late = 3s;
    }
    SUBCASE("although the command says that it has failed") {
        site.habits["app"].fails = true;
    }
    site.kill("db");
    site.run_for(2s);
    REQUIRE(site.told(Happening::restart_failed, "app").size() == 1);
    REQUIRE(site.done() == "stop app, start db, start app");
    site.run_for(2s);
    site.come_up("app"); // if it hasn't by itself
    const auto app = site.process("app");
    site.come_to_rest();
    site.run_for(1h);
    CHECK(site.done() == "stop app, start db, start app");
    CHECK(site.process("app") == app);
    CHECK(site.story.state("app") == RuleState::ok);
    CHECK(site.story.of("app").attempts_used == 0);
}

TEST_CASE("... but is when what it requires has fallen again meanwhile") {
    auto rules = pair_of();
    rules[1].restart.delay = 30s;
    Site site(rules, one_group());
    site.begin();
    site.habits["app"].fails = true;
    site.habits["db"].start = 2s;
    site.kill("db");
    site.run_for(3s);
    REQUIRE(site.told(Happening::restart_failed, "app").size() == 1);
    site.kill("db");
    site.run_for(1s); // db is being started
    site.habits["app"].fails = false;
    site.come_up("app");
    const auto early = site.process("app");
    site.come_to_rest();
    CHECK(site.runs("app"));
    CHECK(site.process("app") != early);
    CHECK(site.position("start db") < site.position("start app"));
}
