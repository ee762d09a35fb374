// A rule of a group that is paused is left alone, but not forgotten: whether it is ready is asked all the same.
#include "site.hpp"

#include <algorithm>

using namespace nezuban;
using namespace nezuban::test;

namespace {

// db has been killed and started again, and is paused before it has said that it is ready.
struct Unready : Site {
    explicit Unready(const ReadySpec& ready = {.tcp = "ready:db", .timeout = 2s}, Duration takes = 10s)
        : Site(pair_of(ready), one_group()) {
        commands_live = true;
        begin();
        habits["db"].ready = takes;
        kill("db");
        run_for(1s);
        REQUIRE(done() == "stop app, start db");
        pause("db");
    }
    void pause(const char* name) {
        REQUIRE(story.engine.pause(name, {}, story.now, story.wanted));
    }
    void resume(const char* name) {
        REQUIRE(story.engine.resume(name, story.now, story.wanted));
    }
};

} // namespace

TEST_CASE("who is paused before it was ready is still asked, and those that require it start when it is") {
    ReadySpec ready{.tcp = "ready:db", .timeout = 60s};
    SUBCASE("in time") {}
    SUBCASE("later than a restart would have had") {
        ready.timeout = 2s;
    }
    SUBCASE("by a command") {
        ready = {.command = {"ready", "db"}, .timeout = 2s};
    }
    Unready site(ready);
    site.run_for(5s);
    CHECK_FALSE(site.runs("app"));
    site.run_for(10s);
    CHECK(site.done() == "stop app, start db, start app");
    CHECK(site.story.state("db") == RuleState::paused);
    CHECK(site.story.state("app") == RuleState::ok);
    CHECK(site.group("mail").root_cause.empty());
    site.resume("db");
    site.run_for(30min);
    CHECK(site.done() == "stop app, start db, start app");
    CHECK(site.story.state("db") == RuleState::ok);
    CHECK(site.story.of("db").attempts_used == 1);
    CHECK(site.told(Happening::restart, "db").size() == 1);
    CHECK(site.told(Happening::restart_failed, "db").empty());
}

TEST_CASE("who is paused and never gets ready is left alone until the end of the pause") {
    Unready site({.tcp = "ready:db", .timeout = 2s}, 100h);
    site.run_for(1h);
    CHECK(site.done() == "stop app, start db");
    CHECK(site.told(Happening::restart_failed, "db").empty());
    CHECK_FALSE(site.story.of("db").failed);
    site.resume("db");
    site.run_for(100ms);
    CHECK(site.done() == "stop app, start db"); // it has its time to answer
    site.run_for(2s);
    CHECK(site.told(Happening::restart_failed, "db").size() == 1);
    site.run_for(1200ms);
    CHECK(site.done() == "stop app, start db, stop db, start db");
    CHECK(site.story.of("db").attempts_used == 2);
}

TEST_CASE("who falls while it is paused and asked stays down until the end of the pause") {
    Unready site;
    site.run_for(1s);
    site.kill("db");
    site.run_for(1h);
    CHECK(site.done() == "stop app, start db");
    CHECK(site.told(Happening::restart_failed, "db").empty());
    site.habits["db"].ready = 0s;
    SUBCASE("and is restarted then") {
        site.resume("db");
        site.come_to_rest();
        CHECK(site.done() == "stop app, start db, start db, start app");
    }
    SUBCASE("or until somebody else starts it") {
        site.come_up("db");
        site.run_for(1min);
        CHECK(site.done() == "stop app, start db, start app");
    }
}

TEST_CASE("who is asked in a pause can be restarted by hand") {
    Unready site;
    site.habits["db"].ready = 0s;
    REQUIRE(site.story.engine.restart("db", site.story.now, site.story.wanted));
    site.come_to_rest();
    CHECK(site.done() == "stop app, start db, stop db, start db, start app");
    CHECK(site.story.of("db").attempts_used == 1);
}

TEST_CASE("the next daemon asks as well who was paused before it was ready") {
    Unready site;
    site.run_for(1s);
    site.let_daemon_die();
    site.run_for(1s);
    site.begin_daemon();
    site.run_for(20s);
    CHECK(site.done() == "stop app, start db, start app");
    CHECK(site.told(Happening::restart_resumed, "db").empty());
    site.resume("db");
    site.run_for(30min);
    CHECK(site.done() == "stop app, start db, start app");
    CHECK(site.story.of("db").attempts_used == 1);
}

TEST_CASE("a group that is restarted by hand leaves those alone that are paused") {
    Site site({service("db"), service("app", {"db"}), service("log")}, one_group({"db", "app", "log"}));
    site.begin();
    SUBCASE("one that runs") {
        REQUIRE(site.story.engine.pause("log", {}, site.story.now, site.story.wanted));
        REQUIRE(site.story.engine.restart("mail", site.story.now, site.story.wanted));
        site.come_to_rest();
        CHECK(site.done() == "stop app, stop db, start db, start app");
    }
    SUBCASE("one that is down") {
        REQUIRE(site.story.engine.pause("log", {}, site.story.now, site.story.wanted));
        site.kill("log");
        REQUIRE(site.story.engine.restart("mail", site.story.now, site.story.wanted));
        site.run_for(1min);
        CHECK(site.done() == "stop app, stop db, start db, start app");
        CHECK_FALSE(site.runs("log"));
    }
    SUBCASE("one that is meant by its own name is restarted") {
        REQUIRE(site.story.engine.pause("log", {}, site.story.now, site.story.wanted));
        REQUIRE(site.story.engine.restart("log", site.story.now, site.story.wanted));
        site.run_for(1min);
        CHECK(site.done() == "stop log, start log");
    }
    SUBCASE("all of them") {
        REQUIRE(site.story.engine.pause("mail", {}, site.story.now, site.story.wanted));
        const auto refused = site.story.engine.restart("mail", site.story.now, site.story.wanted);
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().text == "mail: its rules are paused, or can't be restarted");
        CHECK(site.steps.empty());
    }
}

TEST_CASE("a group of one that is paused is not restarted by the group's name") {
    Site site({service("db")}, one_group({"db"}));
    site.begin();
    REQUIRE(site.story.engine.pause("mail", {}, site.story.now, site.story.wanted));
    CHECK_FALSE(site.story.engine.restart("mail", site.story.now, site.story.wanted));
    CHECK(site.story.engine.restart("db", site.story.now, site.story.wanted));
}
