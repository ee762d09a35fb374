// What a restart does to those that require what fell, and to those that it requires.
#include "site.hpp"

using namespace nezuban;
using namespace nezuban::test;

namespace {

using Steps = std::vector<std::string>;

// db <- app <- web, and on its own: log.
std::vector<RuleSpec> chain() {
    return {service("db"), service("app", {"db"}), service("web", {"app"}), service("log")};
}

StoryOptions grouped(GroupRestart policy = GroupRestart::dependents) {
    return {.groups = {{.name = "mail", .members = {"db", "app", "web", "log"}, .restart = policy}}};
}

struct Chain : Site {
    explicit Chain(std::vector<RuleSpec> rules = chain(), StoryOptions options = grouped())
        : Site(std::move(rules), std::move(options)) {
        begin();
    }
};

} // namespace

TEST_CASE("those that require what fell are stopped in reverse order and started in order") {
    Chain site;
    site.kill("db");
    site.come_to_rest();
    CHECK(site.done() == "stop web, stop app, start db, start app, start web");
    for (const auto* name : {"db", "app", "web", "log"}) {
        CHECK(site.story.state(name) == RuleState::ok);
    }
}

TEST_CASE("a restart in the middle leaves alone what it requires") {
    Chain site;
    site.kill("app");
    site.come_to_rest();
    CHECK(site.done() == "stop web, start app, start web");
}

TEST_CASE("the policy all restarts the whole group, and nothing starts before the last stop") {
    Chain site(chain(), grouped(GroupRestart::all));
    site.habits["log"].stop = 5s;
    site.kill("app");
    site.come_to_rest();
    CHECK(site.done() == "stop web, stop log, stop db, start log, start db, start app, start web");
}

TEST_CASE("the policy member restarts what fell alone") {
    Chain site(chain(), grouped(GroupRestart::member));
    site.kill("db");
    site.come_to_rest();
    CHECK(site.done() == "start db");
}

TEST_CASE("without a group what is required only has to be up first") {
    Chain site(chain(), {});
    site.kill("db");
    site.kill("app");
    site.come_to_rest();
    CHECK(site.done() == "start db, start app");
}

TEST_CASE("independent branches go at the same time") {
    Chain site({service("db"), service("left", {"db"}), service("right", {"db"})},
               {.groups = {{.name = "mail", .members = {"db", "left", "right"}}}});
    site.habits["left"].start = 10s;
    site.habits["right"].start = 10s;
    site.kill("db");
    site.run_for(1s);
    CHECK(site.done() == "stop left, stop right, start db, start left, start right");
}

TEST_CASE("one that can only be restarted by one command goes on until its turn") {
    Chain site({service("db"), by_command("app", {"db"}), service("web", {"app"})},
               {.groups = {{.name = "mail", .members = {"db", "app", "web"}}}});
    site.kill("db");
    site.run_for(100ms);
    CHECK(site.runs("app"));
    site.come_to_rest();
    CHECK(site.done() == "stop web, start db, restart app, start web");
}

TEST_CASE("without a stop command a dependent gets TERM, and KILL when it does not hear") {
    auto rules = chain();
    rules[1].restart.stop.clear();
    Chain site(rules);
    site.habits["app"].deaf = true;
    site.kill("db");
    site.come_to_rest();
    CHECK(site.done() == "stop web, TERM app, KILL app, start db, start app, start web");
}

TEST_CASE("who can't be restarted, is paused or isn't there is left alone") {
    auto rules = chain();
    rules[2].restart = {};
    rules.push_back(service("extra", {"db"}));
    rules.back().count.min = 0;
    rules.push_back(service("held", {"db"}));
    Chain site(rules, {.groups = {{.name = "mail", .members = {"db", "app", "web", "extra", "held"}}}});
    site.kill("extra");
    REQUIRE(site.story.engine.pause("held", {}, site.story.now, site.story.wanted));
    site.kill("db");
    site.come_to_rest();
    CHECK(site.done() == "stop app, start db, start app");
    CHECK(site.runs("web"));
    CHECK(site.runs("held"));
}

TEST_CASE("what settles is not up until it has held; what is ready is up at once") {
    auto rules = chain();
    rules[0].restart.settle = 5s;
    Chain site(rules);
    SUBCASE("settling") {
        site.kill("db");
        site.run_for(4s);
        CHECK(site.last() == "start db");
        CHECK(site.story.of("app").waits_for == Steps{"db"});
        site.come_to_rest();
        CHECK(site.last() == "start web");
    }
    SUBCASE("ready by a port") {
        rules[0].ready.tcp = "ready:db";
    }
    SUBCASE("ready by a command") {
        rules[0].ready.command = {"ready", "db"};
    }
    if (!rules[0].ready.wanted()) return;
    Chain quick(rules);
    quick.habits["db"].ready = 300ms;
    const auto fell = quick.story.now;
    quick.kill("db");
    while (quick.last() != "start app") {
        quick.run_for(1ms);
    }
    const auto own = 50ms + 50ms + 10ms + 100ms + 300ms; // two stops, falls gathered, its start, its readiness
    CHECK(quick.story.now - fell >= own);
    CHECK(quick.story.now - fell <= own + 30ms); // asked again after a sixteenth of the time
    quick.come_to_rest();
    CHECK(quick.story.state("db") == RuleState::ok);
}

TEST_CASE("what does not get ready in time has failed, and is tried again") {
    auto rules = chain();
    rules[0].ready.tcp = "ready:db";
    rules[0].ready.timeout = 2s;
    Chain site(rules);
    site.habits["db"].ready = 1h;
    site.kill("db");
    site.run_for(3s);
    REQUIRE(site.told(Happening::restart_failed, "db").size() == 1);
    CHECK(site.told(Happening::restart_failed, "db")[0].reason == "not ready within 2.0 s: connection refused");
    CHECK_FALSE(site.runs("app"));
    SUBCASE("in the end with success") {
        site.habits["db"].ready = 10ms;
        site.come_to_rest();
        CHECK(site.story.state("web") == RuleState::ok);
    }
    SUBCASE("in vain, and then nothing is started that requires it, although it runs") {
        site.come_to_rest();
        CHECK(site.story.state("db") == RuleState::exhausted);
        CHECK(site.runs("db"));
        CHECK_FALSE(site.runs("app"));
        CHECK(site.story.of("app").failed);
    }
}

TEST_CASE("what falls while others are restarted is taken into the same plan") {
    Chain site;
    SUBCASE("the cause once more, while a dependent starts") {
        site.habits["app"].start = 10s;
        site.kill("db");
        site.run_for(1s);
        REQUIRE(site.last() == "start app");
        site.kill("db");
        site.come_to_rest();
        CHECK(site.position("start db") < site.position("start app"));
        CHECK(site.told(Happening::restart, "db").size() == 2);
    }
    SUBCASE("a dependent, while the cause starts") {
        site.habits["db"].start = 10s;
        site.habits["app"].stop = 3s;
        site.kill("db");
        site.run_for(1s);
        REQUIRE(site.last() == "stop app");
        site.kill("app");
        site.come_to_rest();
        CHECK(site.done() == "stop web, stop app, start db, start app, start web");
    }
    SUBCASE("somebody else's service comes back too early, and is restarted when it is its turn") {
        site.habits["db"].start = 10s;
        site.kill("db");
        site.run_for(5s);
        site.come_up("app");
        site.come_to_rest();
        CHECK(site.done() == "stop web, stop app, start db, stop app, start app, start web");
    }
    for (const auto* name : {"db", "app", "web"}) {
        CHECK(site.story.state(name) == RuleState::ok);
    }
    CHECK(site.group("mail").root_cause.empty());
}

TEST_CASE("who fell first is the cause, in whatever order it is heard of") {
    Chain site;
    site.kill("web", 100us);
    site.kill("app", 200us);
    site.kill("db", 900us);
    site.run_for(20ms);
    const auto group = site.group("mail");
    CHECK(group.root_cause == "db");
    CHECK(group.consequences == Steps{"app", "web"});
    CHECK(group.since == site.story.now - 20ms - 900us);
    const auto under = site.told(Happening::under, "web");
    REQUIRE(under.size() == 1);
    CHECK(fact(under[0], "root_cause") == "db");
    CHECK(fact(under[0], "role") == "consequence");
    CHECK(variable(site.story.commands("db: start")[0], "NEZUBAN_ROOT_CAUSE") == "db");
    site.come_to_rest();
    CHECK(site.done() == "start db, start app, start web");
    CHECK(site.group("mail").root_cause.empty());
    const auto mended = site.story.told(Happening::recovered).back();
    CHECK(mended.group == "mail");
    CHECK(mended.rule.empty());
    CHECK(mended.reason.starts_with("mail is whole again, "));
    CHECK(mended.reason.ends_with("after db fell first: pid 101 was killed by SIGKILL; with it app, web"));
}

TEST_CASE("who falls alone fell when the kernel says, not when it was judged") {
    Chain site;
    site.kill("db", 900us);
    site.run_for(20ms);
    CHECK(site.group("mail").since == site.story.now - 20ms - 900us);
    CHECK(site.group("mail").reason == "pid 101 was killed by SIGKILL");
}

TEST_CASE("the cause pays, and not those that went down with it") {
    Chain site;
    for (int time = 0; time < 3; ++time) {
        site.kill("db");
        site.kill("app");
        site.come_to_rest();
    }
    CHECK(site.story.of("db").attempts_used == 3);
    CHECK(site.story.of("app").attempts_used == 0);
    CHECK(site.story.of("web").attempts_used == 0);
}

TEST_CASE("when the cause is given up those that require it wait, visibly in vain") {
    Chain site;
    site.habits["db"].fails = true;
    site.kill("db");
    site.come_to_rest();
    CHECK(site.story.state("db") == RuleState::exhausted);
    CHECK(site.story.state("app") == RuleState::restarting);
    CHECK(site.story.of("app").waits_for == Steps{"db"});
    CHECK(site.story.of("app").failed);
    CHECK(site.story.of("web").failed);
    CHECK_FALSE(site.story.of("log").failed);
    CHECK(site.group("mail").root_cause == "db");
    site.habits["db"].fails = false;
    REQUIRE(site.story.engine.reset("db", site.story.now, site.story.wanted));
    site.come_to_rest();
    for (const auto* name : {"db", "app", "web"}) {
        CHECK(site.story.state(name) == RuleState::ok);
    }
}

TEST_CASE("a group's own budget ends what its members' budgets would go on with") {
    auto options = grouped();
    options.groups[0].attempts = 2;
    Chain site(chain(), options);
    site.kill("db");
    site.come_to_rest();
    site.kill("log");
    site.come_to_rest();
    CHECK(site.group("mail").attempts_used == 2);
    site.kill("app");
    site.come_to_rest();
    CHECK(site.story.state("app") == RuleState::exhausted);
    CHECK(site.told(Happening::escalated, "app")[0].reason.starts_with("2 restarts of group mail within "));
    REQUIRE(site.story.engine.reset("mail", site.story.now, site.story.wanted));
    site.come_to_rest();
    CHECK(site.story.state("app") == RuleState::ok);
    CHECK(site.group("mail").attempts_used == 1);
}

TEST_CASE("a group restarted by hand goes down and comes up in order, each member once") {
    Chain site;
    REQUIRE(site.story.engine.restart("mail", site.story.now, site.story.wanted));
    site.come_to_rest();
    CHECK(site.steps.size() == 8);
    CHECK(site.position("stop web") < site.position("stop app"));
    CHECK(site.position("stop app") < site.position("stop db"));
    CHECK(site.position("stop db") < site.position("start db"));
    CHECK(site.position("start db") < site.position("start app"));
    CHECK(site.position("start app") < site.position("start web"));
    CHECK(site.story.of("db").attempts_used == 0);
}

TEST_CASE("a rule restarted by hand takes those along that require it") {
    Chain site;
    REQUIRE(site.story.engine.restart("app", site.story.now, site.story.wanted));
    site.come_to_rest();
    CHECK(site.done() == "stop web, stop app, start app, start web");
}

TEST_CASE("a site that begins with nothing is started in order") {
    Site site(chain(), grouped());
    site.story.snapshot();
    site.run_for(0s);
    site.come_to_rest();
    CHECK(site.position("start db") < site.position("start app"));
    CHECK(site.position("start app") < site.position("start web"));
    CHECK(site.steps.size() == 4);
    CHECK(site.story.of("web").attempts_used == 0);
}

TEST_CASE("one that cannot be ended does not keep the others down for ever") {
    auto rules = chain();
    rules[1].restart.stop.clear();
    Chain site(rules);
    const auto app = site.process("app");
    site.on_intent = [&](const Intent& intent) { // nobody hears
        if (const auto* signal = std::get_if<Signal>(&intent); signal != nullptr && signal->id == app)
            site.habits["app"].deaf = true;
    };
    site.kill("db");
    site.come_to_rest();
    CHECK(site.story.state("db") == RuleState::ok);
}
