#include "story.hpp"

using namespace nezuban;
using namespace nezuban::test;

TEST_CASE("nothing is judged before the first snapshot is complete") {
    Story story({restartable("scanner", "scand")});
    CHECK(story.state("scanner") == RuleState::pending);
    story.begin_snapshot();
    story.wait(1min);
    CHECK(story.state("scanner") == RuleState::pending);
    CHECK(story.wanted.empty());
    CHECK_FALSE(story.engine.next_deadline().has_value());
}

TEST_CASE("what was configured and never started is an incident, and is started") {
    Story story({restartable("scanner", "scand")});
    story.snapshot();
    const auto under = story.told(Happening::under);
    REQUIRE(under.size() == 1);
    CHECK(under[0].rule == "scanner");
    CHECK(under[0].count == 0);
    CHECK(under[0].reason == "0 running, at least 1 wanted; none has been seen since the watch began");
    CHECK(story.commands("scanner: restart").size() == 1);
    CHECK(story.state("scanner") == RuleState::restarting);
}

TEST_CASE("what was running at the start is judged as well as what never ran") {
    Story story({rule("scanner", "scand"), rule("mail", "postfix")});
    const auto scanner = story.present("scand");
    story.snapshot();
    CHECK(story.state("scanner") == RuleState::ok);
    CHECK(story.state("mail") == RuleState::under);
    story.exit(scanner, 3);
    CHECK(story.state("scanner") == RuleState::under);
    CHECK(story.told(Happening::under)[1].reason == "0 running, at least 1 wanted; pid 100 exited with code 3");
}

TEST_CASE("a daemon that comes back to a healthy machine does nothing") {
    Story story({restartable("scanner", "scand"), rule("mail", "postfix")},
                {.memories = {{.rule = "scanner",
                               .attempts = {Time(10s), Time(20s)},
                               .streak = 2,
                               .exhausted_reason = {},
                               .paused_until = {}}}});
    story.present("scand");
    story.present("postfix");
    story.snapshot();
    story.wait(5s);
    CHECK(story.wanted.empty());
    CHECK(story.of("scanner").attempts_used == 2);
    CHECK(story.state("scanner") == RuleState::ok);
}

TEST_CASE("memories of rules that are gone are ignored") {
    Story story(
        {rule("mail", "postfix")},
        {.memories = {
             {.rule = "scanner", .attempts = {}, .exhausted = true, .exhausted_reason = {}, .paused_until = {}}}});
    story.present("postfix");
    story.snapshot();
    CHECK(story.state("mail") == RuleState::ok);
}

TEST_CASE("processes that come while the first snapshot is read are counted") {
    Story story({restartable("scanner", "scand")});
    story.begin_snapshot();
    const auto id = story.born("scand");
    story.end_snapshot();
    CHECK(story.state("scanner") == RuleState::ok);
    CHECK(story.of("scanner").pids == std::vector{id.pid});
}

TEST_CASE("a first snapshot that broke off or that lost records judges nobody, and another one is asked for") {
    Story story({restartable("scanner", "scand")});
    story.present("scand");
    story.begin_snapshot();
    SUBCASE("it broke off") {
        story.end_snapshot(false);
    }
    SUBCASE("records were lost while it was read") {
        story.lose();
        story.end_snapshot();
    }
    CHECK(story.state("scanner") == RuleState::pending);
    CHECK(story.told(Happening::under).empty());
    story.wait(100ms); // not at once: what broke it off may do so again
    CHECK(story.all<Resync>().size() == 1);
    CHECK_FALSE(story.engine.next_deadline().has_value());
    story.snapshot();
    CHECK(story.state("scanner") == RuleState::ok);
    CHECK(story.told(Happening::under).empty());
}

TEST_CASE("a minimum of none is fine with none") {
    auto spec = rule("scanner", "scand");
    spec.count.min = 0;
    Story story({spec});
    story.snapshot();
    CHECK(story.state("scanner") == RuleState::ok);
    CHECK(story.wanted.empty());
}

TEST_CASE("too few are tolerated for as long as the rule says") {
    auto spec = rule("scanner", "scand");
    spec.count.hold = 10s;
    Story story({spec});
    story.snapshot();
    CHECK(story.state("scanner") == RuleState::ok);
    story.wait(10s - 1ns);
    CHECK(story.told(Happening::under).empty());
    story.wait(1ns);
    CHECK(story.told(Happening::under).size() == 1);
}

TEST_CASE("what a rule needs to know is asked for, and only of those that it could match") {
    auto spec = rule("scanner", "scand");
    spec.match.exe = "/opt/**/scand";
    Story story({spec});
    const auto id = story.present("scand");
    const auto other = story.present("postfix");
    auto unread = story.world[id];
    unread.exe = unread.args = unread.cgroups = nullptr;
    CHECK(story.engine.needs_of(SnapshotTask{.process = unread}) == Needs{.exe = true});
    CHECK(story.engine.needs_of(SnapshotTask{.process = unread, .dying = true}) == Needs{});
    CHECK(story.engine.needs_of(Execed{.process = unread}) == Needs{.exe = true});
    CHECK(story.engine.needs_of(Execed{.process = story.world[id]}) == Needs{});
    auto foreign = unread;
    foreign.comm = "postfix";
    foreign.id = other;
    CHECK(story.engine.needs_of(SnapshotTask{.process = foreign}) == Needs{});

    story.snapshot();
    CHECK(story.engine.needs_of(SnapshotTask{.process = unread}) == Needs{});
    CHECK(story.engine.needs_of(Forked{.child = unread, .parent = id}) == Needs{});
    CHECK(story.engine.needs_of(Forked{.child = unread, .parent = other, .shares_memory = true}) == Needs{});
    story.lose(); // an exec may have been among them
    CHECK(story.engine.needs_of(Forked{.child = unread, .parent = id}) == Needs{.exe = true});
    CHECK(story.engine.needs_of(SnapshotTask{.process = unread}) == Needs{.exe = true});
}
