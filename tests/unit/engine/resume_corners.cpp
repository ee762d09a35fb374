// Corners of plans that outlive the daemon, each where a review found it wanting.
#include "site.hpp"

#include <algorithm>
#include <cstdlib>
#include <random>

#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace nezuban;
using namespace nezuban::test;

namespace {

// Notes every command that is run beside an earlier one of the same rule.
void forbid_doubles(Site& site, std::string& broken) {
    site.commands_live = true;
    site.on_intent = [&](const Intent& intent) {
        const auto* run = std::get_if<RunCommand>(&intent);
        if (run == nullptr || run->argv.front() == "ready" || run->argv.size() < 2) return;
        if (site.busy(run->argv.back())) broken = fmt::format("{} {} beside another", run->argv[0], run->argv[1]);
    };
}

} // namespace

TEST_CASE("a start of the daemon before is not doubled") {
    Site site(pair_of(), one_group());
    std::string broken;
    forbid_doubles(site, broken);
    site.begin();
    site.habits["app"].start = 10s;
    site.kill("app");
    site.run_for(1s);
    REQUIRE(site.done() == "start app");
    site.begin_daemon();
    site.run_for(1s);
    REQUIRE(site.done() == "start app");
    auto rules = pair_of();
    SUBCASE("when what it requires falls meanwhile") {
        site.kill("db");
    }
    SUBCASE("by a reset") {
        REQUIRE(site.story.engine.reset("app", site.story.now, site.story.wanted));
    }
    SUBCASE("by a pause and its end") {
        REQUIRE(site.story.engine.pause("app", {}, site.story.now, site.story.wanted));
        REQUIRE(site.story.engine.resume("app", site.story.now, site.story.wanted));
    }
    SUBCASE("by a reload that changes the rule") {
        rules[1].count.max = 7;
        site.story.engine.reload(rules, one_group().groups, site.story.now, site.story.wanted);
        site.story.snapshot();
    }
    site.run_for(5s);
    CHECK(broken == "");
}

TEST_CASE("a start of the daemon before that hangs is ended at its time-out, not doubled") {
    auto rules = pair_of();
    rules[1].restart.timeout = 2s;
    Site site(rules, one_group());
    std::string broken;
    forbid_doubles(site, broken);
    site.begin();
    site.habits["app"].start = 1h;
    site.kill("app");
    site.run_for(1s);
    site.begin_daemon();
    site.run_for(2min);
    CHECK(broken == "");
}

TEST_CASE("what was repaired while the daemon was away is not restarted when it is back") {
    Site site(pair_of(), one_group());
    site.commands_live = true;
    site.begin();
    site.habits["app"].stop = 20s;
    site.kill("db");
    site.run_for(1s);
    REQUIRE(site.done() == "stop app");
    site.let_daemon_die_after(0);
    site.run_for(1min); // the stop of app is done
    site.come_up("db"); // by the operator
    site.come_up("app");
    site.run_for(1h);
    const auto before = site.steps.size();
    site.begin_daemon();
    site.come_to_rest();
    INFO(site.done());
    CHECK(site.steps.size() == before);
}

TEST_CASE("... but is when it has never been stopped, so that nobody can know whether somebody has restarted it") {
    Site site({service("db"), by_command("app", {"db"}), service("web", {"db"})}, one_group({"db", "app", "web"}));
    site.commands_live = true;
    site.begin();
    site.habits["web"].stop = 20s;
    site.kill("db");
    site.run_for(1s);
    REQUIRE(site.done() == "stop web");
    site.let_daemon_die_after(0);
    site.run_for(1min);
    site.come_up("db");
    site.come_up("web");
    site.begin_daemon();
    site.come_to_rest();
    CHECK(site.done() == "stop web, restart app");
}

TEST_CASE("who was started too early is restarted when what it requires is still being stopped") {
    Site site({service("x"), service("db", {"x"}), service("app", {"db"})}, one_group({"x", "db", "app"}));
    site.commands_live = true;
    site.begin();
    site.habits["db"].stop = 20s;
    site.kill("x");
    site.run_for(1s);
    REQUIRE(site.done() == "stop app, stop db");
    site.let_daemon_die();
    site.run_for(1s);
    site.come_up("x"); // by the operator; the stop of db goes on
    site.come_up("app");
    site.begin_daemon();
    site.come_to_rest();
    CHECK(site.done() == "stop app, stop db, stop app, start db, start app");
}

TEST_CASE("after a fail-over and back, what the cluster has started is not restarted for the plan of that day") {
    auto rules = pair_of();
    SUBCASE("stopped and started") {}
    SUBCASE("by one command") {
        rules[1] = by_command("app", {"db"});
    }
    rules[0].escalate.action = EscalateAction::exit;
    Site site(rules, one_group());
    site.commands_live = true;
    site.begin();
    site.habits["db"].fails = true;
    site.on_intent = [&](const Intent& intent) {
        if (std::holds_alternative<Quit>(intent)) site.let_daemon_die_after(0);
    };
    site.kill("db");
    site.run_for(1h);
    REQUIRE(site.runs("app") == rules[1].restart.stop.empty());
    site.run_for(5h);
    site.habits["db"].fails = false;
    site.come_up("db"); // by the cluster, and then it starts the daemon
    site.come_up("app");
    const auto before = site.steps.size();
    site.begin_daemon();
    REQUIRE(site.story.engine.reset("mail", site.story.now, site.story.wanted));
    site.run_for(1min);
    INFO(site.done());
    CHECK(site.steps.size() == before);
}

TEST_CASE("the root cause outlives the daemon as the plan does") {
    Site site(pair_of(), one_group());
    site.commands_live = true;
    site.begin();
    site.habits["db"].start = 10s;
    site.kill("db");
    site.run_for(1s);
    REQUIRE(site.group("mail").root_cause == "db");
    site.begin_daemon();
    site.run_for(1s);
    CHECK(site.group("mail").root_cause == "db");
}

TEST_CASE("a plan of the daemon before does not undo what a resumed cause has asked for") {
    auto rules = pair_of();
    Site site(rules, one_group());
    std::string broken;
    forbid_doubles(site, broken);
    site.begin();
    site.habits["app"].start = 10s;
    site.kill("db");
    site.run_for(1s);
    REQUIRE(site.last() == "start app");
    // It is killed between the two words: that db is restarted once more, and that app makes way.
    site.on_intent = [&, rest = 0](const Intent& intent) mutable {
        const auto* memory = std::get_if<Remember>(&intent);
        if (memory != nullptr && memory->memory.rule == "db" && memory->memory.plan && rest++ == 0)
            site.let_daemon_die_after(0);
        const auto* run = std::get_if<RunCommand>(&intent);
        if (run != nullptr && run->argv.size() == 2 && site.busy(run->argv.back())) broken = "doubled";
    };
    site.kill("db");
    site.run_for(2s);
    REQUIRE(site.daemon_is_dead());
    site.begin_daemon();
    site.come_to_rest();
    INFO(site.done());
    CHECK(broken == "");
    CHECK(site.position("start db") < site.position("start app"));
}

TEST_CASE("the end of a start of the daemon before is not taken for the end of our stop") {
    Site site(pair_of(), one_group());
    site.commands_live = true;
    site.begin();
    site.habits["app"] = {.start = 10s, .stop = 3s};
    site.kill("app");
    site.run_for(1s);
    site.begin_daemon();
    site.run_for(8s);
    site.come_up("app"); // its process is there before its command is done
    site.kill("db");
    site.come_to_rest();
    INFO(site.done());
    CHECK(std::ranges::count(site.steps, "stop app") <= 1);
    CHECK(std::ranges::count(site.steps, "start app") <= 2);
}

TEST_CASE("who fell by himself and came back is not restarted for those that he only requires") {
    Site site({service("db"), by_command("app", {"db"})}, {});
    site.commands_live = true;
    site.begin();
    site.habits["db"].start = 10s;
    site.kill("db");
    site.kill("app");
    site.run_for(1s);
    REQUIRE(site.done() == "start db");
    site.let_daemon_die();
    site.run_for(1min); // db is up
    site.come_up("app");
    site.begin_daemon();
    site.come_to_rest();
    CHECK(site.done() == "start db");
}
