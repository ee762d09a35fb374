#include "story.hpp"

using namespace nezuban;
using namespace nezuban::test;

namespace {

// What makes it the same rule, and the same restart, is as it was.
std::vector<RuleSpec> told_otherwise(const RuleSpec& spec) {
    std::vector<RuleSpec> all(4, spec);
    all[0].notify_command = {"/usr/bin/notify"};
    all[1].escalate = {.action = EscalateAction::exit, .exit_code = 12};
    all[2].hang.uninterruptible = 5s;
    all[3].ready.tcp = "127.0.0.1:25";
    return all;
}

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

TEST_CASE("a rule that changed only in what is told, asked or looked for keeps what was given up") {
    auto spec = restartable("scanner", "scand");
    spec.restart.attempts = 1;
    for (const auto& other : told_otherwise(spec)) {
        Story story({spec});
        story.snapshot();
        story.command_ends(story.last_command(), 1);
        REQUIRE(story.state("scanner") == RuleState::exhausted);
        const auto reason = story.of("scanner").reason;
        const auto lines = story.engine.reload({other}, {}, story.now, story.wanted);
        REQUIRE(lines.size() == 1);
        INFO(lines[0]);
        CHECK(story.state("scanner") == RuleState::exhausted);
        CHECK(story.of("scanner").reason == reason);
        CHECK(story.of("scanner").attempts_used == 1);
        story.snapshot();
        story.wait(1h);
        CHECK(story.commands("scanner: restart").size() == 1);
        CHECK(story.told(Happening::under).size() == 1);
    }
}

TEST_CASE("... its restart that is under way, and the delay before the next one") {
    const auto spec = restartable("scanner", "scand");
    for (const auto& other : told_otherwise(spec)) {
        Story story({spec});
        story.snapshot();
        const auto first = story.last_command();
        const auto lines = story.engine.reload({other}, {}, story.now, story.wanted);
        INFO(lines[0]);
        CHECK(story.state("scanner") == RuleState::restarting);
        story.command_ends(first, 1);
        CHECK(story.told(Happening::restart_failed).size() == 1);
        CHECK(story.commands("scanner: restart").size() == 1);
        story.engine.reload({spec}, {}, story.now, story.wanted);
        story.snapshot();
        story.wait(500ms);
        CHECK(story.commands("scanner: restart").size() == 1); // the second in a row is delayed
        story.wait(1s);
        CHECK(story.commands("scanner: restart").size() == 2);
        story.command_ends(story.last_command());
        story.born("scand");
        story.wait(5s);
        CHECK(story.state("scanner") == RuleState::ok);
        CHECK(story.of("scanner").attempts_used == 2);
    }
}

TEST_CASE("what was being asked when ready changed is asked anew, as it is said now") {
    auto spec = restartable("scanner", "scand");
    spec.ready.tcp = "127.0.0.1:25";
    Story story({spec});
    story.snapshot();
    story.command_ends(story.last_command());
    story.born("scand");
    REQUIRE(story.all<Probe>().size() == 1);
    const auto old = story.all<Probe>().back();
    SUBCASE("of another port") {
        auto other = spec;
        other.ready.tcp = "127.0.0.1:26";
        story.engine.reload({other}, {}, story.now, story.wanted);
        story.tell(Probed{.id = old.id, .error = ""});
        story.wait(1ms);
        CHECK(story.all<Probe>().back().target == "127.0.0.1:26");
        story.wait(10s);
        CHECK(story.state("scanner") == RuleState::restarting);
        story.tell(Probed{.id = story.all<Probe>().back().id, .error = ""});
        story.wait(5s);
        CHECK(story.state("scanner") == RuleState::ok);
    }
    SUBCASE("not at all") {
        auto other = spec;
        other.ready = {};
        story.engine.reload({other}, {}, story.now, story.wanted);
        story.wait(5s);
        CHECK(story.state("scanner") == RuleState::ok);
    }
    CHECK(story.commands("scanner: restart").size() == 1);
}

TEST_CASE("who was given up because it never got ready is well when it need not say so any more, once it is reset") {
    auto spec = restartable("scanner", "scand");
    spec.ready = {.tcp = "127.0.0.1:25", .timeout = 1s};
    spec.restart.attempts = 1;
    Story story({spec});
    story.snapshot();
    story.command_ends(story.last_command());
    story.born("scand");
    story.tell(Probed{.id = story.all<Probe>().back().id, .error = "refused"});
    story.wait(1min);
    REQUIRE(story.state("scanner") == RuleState::exhausted);
    auto other = spec;
    other.ready = {};
    story.engine.reload({other}, {}, story.now, story.wanted);
    CHECK(story.state("scanner") == RuleState::exhausted);
    CHECK_FALSE(story.all<Remember>().back().memory.unready);
    REQUIRE(story.engine.reset("scanner", story.now, story.wanted));
    story.wait(1min);
    CHECK(story.state("scanner") == RuleState::ok);
}

TEST_CASE("silence that is looked for from now on is looked for in those that run already") {
    auto spec = restartable("scanner", "scand");
    Story story({spec});
    const auto scanner = story.present("scand");
    story.snapshot();
    REQUIRE(story.all<WatchStalls>().empty());
    spec.hang.silent = 7s;
    story.engine.reload({spec}, {}, story.now, story.wanted);
    REQUIRE(story.all<WatchStalls>().size() == 1);
    CHECK(story.all<WatchStalls>()[0].id == scanner);
    CHECK(story.all<WatchStalls>()[0].threshold == 7s);
}

TEST_CASE("a group that changed keeps what its restarts have cost, and one that is gone leaves nothing behind") {
    const std::vector rules{restartable("a", "a"), restartable("b", "b")};
    GroupSpec group{.name = "g", .members = {"a"}, .attempts = 1};
    Story story(rules, {.groups = {group}});
    story.present("b");
    const auto a = story.present("a");
    story.snapshot();
    story.kill(a, 9);
    story.wait(10ms);
    const auto used = [&] { return story.engine.view(story.now).groups.at(0).attempts_used; };
    REQUIRE(used() == 1);
    group.members = {"a", "b"};
    story.engine.reload(rules, {group}, story.now, story.wanted);
    CHECK(used() == 1);
    CHECK(story.engine.view(story.now).groups.at(0).root_cause == "a");
    story.engine.reload(rules, {}, story.now, story.wanted);
    const auto last = story.all<Remember>().back().memory;
    CHECK(last.rule == "group/g");
    CHECK(last.attempts.empty());
    story.engine.reload(rules, {group}, story.now, story.wanted);
    CHECK(used() == 0);
}

TEST_CASE("a group does not go on about the fall of one that belongs to it no more") {
    const std::vector rules{restartable("a", "a"), restartable("b", "b")};
    GroupSpec group{.name = "g", .members = {"a", "b"}};
    Story story(rules, {.groups = {group}});
    story.present("b");
    const auto a = story.present("a");
    story.snapshot();
    story.kill(a, 9);
    story.wait(10ms);
    REQUIRE(story.engine.view(story.now).groups.at(0).root_cause == "a");
    group.members = {"b"};
    story.engine.reload(rules, {group}, story.now, story.wanted);
    CHECK(story.engine.view(story.now).groups.at(0).root_cause.empty());
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

TEST_CASE("a rule of another name for the same processes waits for the command that the former one has begun") {
    Story story({restartable("old", "scand")});
    const auto scanner = story.present("scand");
    story.snapshot();
    story.kill(scanner, 9);
    const auto command = story.last_command();
    story.command_starts(command, 500);
    story.engine.reload({restartable("new", "scand")}, {}, story.now, story.wanted);
    story.snapshot();
    story.wait(10s);
    CHECK(story.commands("new: restart").empty());
    SUBCASE("which has mended it") {
        story.born("scand");
        story.command_ends(command);
        story.wait(10s);
        CHECK(story.state("new") == RuleState::ok);
        CHECK(story.commands("new: restart").empty());
    }
    SUBCASE("which was in vain") {
        story.command_ends(command, 1);
        CHECK(story.commands("new: restart").size() == 1);
    }
}
