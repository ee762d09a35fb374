#include "story.hpp"

using namespace nezuban;
using namespace nezuban::test;

namespace {

using Lines = std::vector<std::string>;

RuleSpec changed(RuleSpec spec) {
    spec.count.max = 7;
    return spec;
}

} // namespace

TEST_CASE("a reload says what changes, a line each") {
    Story story({rule("a", "a"), rule("b", "b"), rule("c", "c")});
    story.snapshot();
    auto b = rule("b", "b2");
    b.restart.command = {"/usr/bin/b"};
    CHECK(story.engine.reload({rule("c", "c"), b, rule("d", "d")}, {}, story.now, story.wanted)
          == Lines{"~ b: match, restart", "+ d", "- a"});
    CHECK(story.told(Happening::reloaded).back().reason == "~ b: match, restart, + d, - a");
    CHECK(story.engine.reload({rule("c", "c"), b, rule("d", "d")}, {}, story.now, story.wanted).empty());
    CHECK(story.told(Happening::reloaded).size() == 1);
    CHECK(story.engine.reload({rule("c", "c"), b, rule("d", "d")}, {{.name = "g", .members = {"b"}}}, story.now,
                              story.wanted)
          == Lines{"~ groups"});
}

TEST_CASE("a rule that did not change keeps its incident, its attempts and its running command") {
    const auto spec = restartable("scanner", "scand");
    Story story({spec});
    story.snapshot();
    const auto command = story.last_command();
    story.engine.reload({rule("new", "n"), spec}, {}, story.now, story.wanted);
    CHECK(story.state("scanner") == RuleState::restarting);
    CHECK(story.of("scanner").attempts_used == 1);
    CHECK(story.state("new") == RuleState::pending);
    story.snapshot();
    story.born("scand");
    story.command_ends(command);
    story.wait(5s);
    CHECK(story.state("scanner") == RuleState::ok);
    CHECK(story.told(Happening::under).size() == 2); // scanner once, new once
    CHECK(story.commands("scanner: restart").size() == 1);
}

TEST_CASE("a rule that changed starts anew, but keeps its pause") {
    auto spec = restartable("scanner", "scand");
    spec.restart.attempts = 1;
    Story story({spec, restartable("mail", "postfix")});
    story.snapshot();
    story.command_ends(story.commands("scanner: restart").at(0), 1);
    REQUIRE(story.state("scanner") == RuleState::exhausted);
    REQUIRE(story.engine.pause("mail", {}, story.now, story.wanted));
    story.engine.reload({changed(spec), changed(restartable("mail", "postfix"))}, {}, story.now, story.wanted);
    CHECK(story.state("scanner") == RuleState::pending);
    CHECK(story.of("scanner").attempts_used == 0);
    CHECK(story.state("mail") == RuleState::paused);
    const auto kept = story.all<Remember>();
    REQUIRE(kept.size() >= 2);
    CHECK_FALSE(kept[kept.size() - 2].memory.exhausted);
    CHECK(kept.back().memory.paused);
    CHECK(story.all<Resync>().size() == 1);
    story.snapshot();
    CHECK(story.state("scanner") == RuleState::restarting);
    CHECK(story.state("mail") == RuleState::paused);
}

TEST_CASE("a rule that changed during its restart waits for the command that is running") {
    const auto spec = restartable("scanner", "scand");
    Story story({spec});
    story.snapshot();
    const auto command = story.last_command();
    story.engine.reload({changed(spec)}, {}, story.now, story.wanted);
    story.snapshot();
    story.wait(10s);
    CHECK(story.commands("scanner: restart").size() == 1);
    SUBCASE("and starts its own then") {
        story.command_ends(command);
        CHECK(story.commands("scanner: restart").size() == 2);
    }
    SUBCASE("and needs none when it is up by then") {
        story.born("scand");
        story.command_ends(command);
        story.wait(1min);
        CHECK(story.commands("scanner: restart").size() == 1);
        CHECK(story.state("scanner") == RuleState::ok);
    }
}

TEST_CASE("an answer to a rule that was removed is nobody's") {
    Story story({restartable("scanner", "scand"), rule("mail", "postfix")});
    story.present("postfix");
    story.snapshot();
    const auto command = story.last_command();
    CHECK(story.engine.reload({rule("mail", "postfix")}, {}, story.now, story.wanted) == Lines{"- scanner"});
    const auto before = story.wanted.size();
    story.command_starts(command, 4000);
    story.command_ends(command, 1);
    story.born("scand");
    story.wait(1min);
    CHECK(story.wanted.size() == before);
    CHECK(story.engine.view(story.now).rules.size() == 1);
    CHECK_FALSE(story.engine.pause("scanner", {}, story.now, story.wanted).has_value());
}

TEST_CASE("a new rule counts at once who is known, and is judged after the next snapshot") {
    Story story({rule("mail", "postfix")});
    story.present("postfix");
    story.present("scand");
    story.snapshot();
    story.engine.reload({rule("mail", "postfix"), rule("scanner", "scand"), rule("web", "nginx")}, {}, story.now,
                        story.wanted);
    CHECK(story.count("scanner") == 1);
    CHECK(story.state("web") == RuleState::pending);
    story.wait(1min);
    CHECK(story.told(Happening::under).empty());
    story.snapshot();
    CHECK(story.state("scanner") == RuleState::ok);
    CHECK(story.state("web") == RuleState::under);
}

TEST_CASE("a snapshot that was being read when the rule came says nothing about it") {
    // Its records came without the arguments that nobody had asked for.
    auto spec = restartable("queue", "scand");
    spec.match.args = {"--queue"};
    Story story({rule("mail", "postfix")});
    story.present("postfix");
    const auto id = story.present("scand");
    const auto args = text(std::string("scand\0--queue\0", 14));
    story.world[id].args = nullptr;
    story.snapshot();
    story.begin_snapshot();
    story.read({.pid = 100, .start_ns = 2});
    story.read(id);
    story.engine.reload({rule("mail", "postfix"), spec}, {}, story.now, story.wanted);
    story.end_snapshot();
    CHECK(story.state("queue") == RuleState::pending);
    CHECK(story.told(Happening::under).empty());
    CHECK(story.all<Resync>().size() == 2); // at the reload, and after the one that was under way
    auto unread = story.world[id];
    CHECK(story.engine.needs_of(SnapshotTask{.process = unread}) == Needs{.args = true});
    story.world[id].args = args;
    story.snapshot();
    CHECK(story.state("queue") == RuleState::ok);
    CHECK(story.all<RunCommand>().empty());
}
