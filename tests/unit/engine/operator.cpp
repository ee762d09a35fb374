// Pause, resume, restart by hand, reset, groups; and what a daemon that died knows of them when it is back.
#include "story.hpp"

using namespace nezuban;
using namespace nezuban::test;

namespace {

struct Running : Story {
    explicit Running(RuleSpec spec = restartable("scanner", "scand"), StoryOptions options = {})
        : Story({std::move(spec)}, std::move(options)) {
        scanner = present("scand");
        snapshot();
    }
    void pause(std::optional<Duration> length = {}) {
        REQUIRE(engine.pause("scanner", length ? std::optional(now + *length) : std::nullopt, now, wanted));
    }
    void resume() {
        REQUIRE(engine.resume("scanner", now, wanted));
    }
    std::size_t restarts() const {
        return commands("scanner: restart").size();
    }
    Identity scanner;
};

// What Remember left behind of each rule.
std::vector<RuleMemory> memories_of(const Story& story) {
    std::map<std::string, RuleMemory> kept;
    for (const auto& remember : story.all<Remember>()) {
        kept[remember.memory.rule] = remember.memory;
    }
    std::vector<RuleMemory> memories;
    for (const auto& [name, memory] : kept) {
        memories.push_back(memory);
    }
    return memories;
}

} // namespace

TEST_CASE("a paused rule is observed and not acted on, and is no failure for the cluster") {
    Running story;
    story.pause();
    CHECK(story.state("scanner") == RuleState::paused);
    story.exit(story.scanner);
    story.wait(1h);
    CHECK(story.restarts() == 0);
    CHECK(story.told(Happening::under).size() == 1);
    CHECK(story.count("scanner") == 0);
    CHECK_FALSE(story.of("scanner").failed);
    story.resume();
    CHECK(story.restarts() == 1);
    CHECK(story.told(Happening::paused).size() == 1);
    CHECK(story.told(Happening::resumed).size() == 1);
}

TEST_CASE("a pause of a length ends by itself") {
    Running story;
    story.pause(10min);
    CHECK(story.told(Happening::paused)[0].reason == "maintenance for 10 min");
    story.exit(story.scanner);
    story.wait(10min - 1ns);
    CHECK(story.restarts() == 0);
    story.wait(1ns);
    CHECK(story.restarts() == 1);
    CHECK(story.told(Happening::resumed)[0].reason == "the pause has ended");
}

TEST_CASE("a command that is still running is not joined by a second one, whatever became of its plan") {
    Running story;
    story.exit(story.scanner);
    const auto first = story.last_command();
    story.wait(1s);
    story.command_starts(first, 500);
    story.pause();
    story.resume();
    story.wait(30s);
    CHECK(story.restarts() == 1);
    CHECK(story.state("scanner") == RuleState::restarting);
    CHECK(story.of("scanner").next_at > story.now);
    SUBCASE("it ends") {}
    SUBCASE("it ends late, because nothing is heard of it for long") {
        story.wait(10min);
        CHECK(story.restarts() == 1);
    }
    story.command_ends(first);
    story.wait(2s);
    CHECK(story.restarts() == 2);
}

TEST_CASE("a reset lets a restart that is under way come to its end") {
    Running story;
    story.exit(story.scanner);
    REQUIRE(story.engine.reset("scanner", story.now, story.wanted));
    CHECK(story.state("scanner") == RuleState::restarting);
    CHECK(story.of("scanner").attempts_used == 0);
    story.command_ends(story.last_command());
    story.born("scand");
    story.wait(5s);
    CHECK(story.state("scanner") == RuleState::ok);
    CHECK(story.restarts() == 1);
}

TEST_CASE("a restart by hand waits for no command: it is refused while one runs") {
    Running story;
    story.exit(story.scanner);
    const auto first = story.last_command();
    story.pause();
    const auto refused = story.engine.restart("scanner", story.now, story.wanted);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().text == "scanner can't be restarted: the command of an earlier restart is still running");
    story.command_ends(first);
    CHECK(story.engine.restart("scanner", story.now, story.wanted).has_value()); // paused or not: he says so
    CHECK(story.restarts() == 2);
}

TEST_CASE("pauses, budgets and latches outlive the daemon") {
    auto spec = restartable("scanner", "scand");
    spec.restart.attempts = 2;
    Running before(spec);
    before.exit(before.scanner);
    before.command_ends(before.last_command(), 1);
    SUBCASE("a pause") {
        before.pause(10min);
        Story after({spec}, {.memories = memories_of(before)});
        after.snapshot();
        CHECK(after.state("scanner") == RuleState::paused);
        CHECK(after.commands("scanner: restart").empty());
        CHECK(after.of("scanner").attempts_used == 1);
        after.wait(10min);
        CHECK(after.state("scanner") == RuleState::restarting);
    }
    SUBCASE("a pause that would have ended meanwhile") {
        before.pause(10min);
        Story after({spec}, {.memories = memories_of(before)});
        after.now += 20min;
        after.present("scand");
        after.snapshot();
        CHECK(after.state("scanner") == RuleState::ok);
        CHECK(after.told(Happening::resumed).size() == 1);
    }
    SUBCASE("the attempts") {
        Story after({spec}, {.memories = memories_of(before)});
        after.snapshot();
        CHECK(after.of("scanner").attempts_used == 1);
        CHECK(after.commands("scanner: restart").empty()); // the second in a row is delayed
        after.wait(2s);
        CHECK(after.commands("scanner: restart").size() == 1);
        after.command_ends(after.last_command(), 1);
        CHECK(after.state("scanner") == RuleState::exhausted);
    }
    SUBCASE("the latch") {
        before.wait(2s);
        before.command_ends(before.last_command(), 1);
        REQUIRE(before.state("scanner") == RuleState::exhausted);
        Story after({spec}, {.memories = memories_of(before)});
        after.snapshot();
        after.wait(1h);
        CHECK(after.state("scanner") == RuleState::exhausted);
        CHECK(after.of("scanner").reason == before.of("scanner").reason);
        CHECK(after.commands("scanner: restart").empty());
    }
}

TEST_CASE("a restart by hand costs no attempt, and is told as what it is") {
    Running story;
    REQUIRE(story.engine.restart("scanner", story.now, story.wanted));
    CHECK(story.restarts() == 1);
    CHECK(story.told(Happening::restart)[0].reason == "asked for by the operator");
    CHECK(story.of("scanner").attempts_used == 0);
    const auto again = story.engine.restart("scanner", story.now, story.wanted);
    REQUIRE_FALSE(again.has_value());
    CHECK(again.error().text == "scanner can't be restarted: a restart is under way already");
    story.exit(story.scanner);
    story.born("scand");
    story.command_ends(story.last_command());
    story.wait(5s);
    CHECK(story.state("scanner") == RuleState::ok);
    CHECK(story.restarts() == 1);
}

TEST_CASE("a restart by hand that leaves it broken is followed by the rule's own") {
    Running story;
    REQUIRE(story.engine.restart("scanner", story.now, story.wanted));
    story.exit(story.scanner);
    SUBCASE("the command fails") {
        story.command_ends(story.last_command(), 1);
    }
    SUBCASE("nothing comes up") {
        story.command_ends(story.last_command());
        story.wait(5s);
    }
    CHECK(story.told(Happening::restart_failed).size() == 1);
    CHECK(story.restarts() == 2);
    CHECK(story.of("scanner").attempts_used == 1);
}

TEST_CASE("a restart by hand is refused where it can't be done, and says why") {
    Story story({rule("plain", "a"), restartable("scanner", "scand")});
    const auto refused = [&](const char* name) {
        const auto result = story.engine.restart(name, story.now, story.wanted);
        return result ? std::string("done") : result.error().text;
    };
    CHECK(refused("scanner") == "scanner can't be restarted: its processes are not known yet");
    story.snapshot();
    CHECK(refused("plain") == "plain can't be restarted: it has no restart.command and no restart.start");
    CHECK(refused("scaner") == "no rule or group is named \"scaner\"; known are: plain, scanner");
    while (story.state("scanner") != RuleState::exhausted) {
        story.command_ends(story.last_command(), 1);
        story.wait(1min);
    }
    CHECK(refused("scanner") == "scanner can't be restarted: it is exhausted: `nezuban reset scanner` first");
}

TEST_CASE("a group is paused, resumed and reset as a whole, and its name is handed to the commands") {
    Story story({restartable("scanner", "scand"), restartable("mail", "postfix"), restartable("web", "nginx")},
                {.groups = {{.name = "post", .members = {"mail", "scanner"}}}});
    story.present("scand");
    story.present("postfix");
    story.present("nginx");
    story.snapshot();
    REQUIRE(story.engine.pause("post", {}, story.now, story.wanted));
    CHECK(story.state("mail") == RuleState::paused);
    CHECK(story.state("scanner") == RuleState::paused);
    CHECK(story.state("web") == RuleState::ok);
    REQUIRE(story.engine.resume("post", story.now, story.wanted));
    story.exit({.pid = 100, .start_ns = 2});
    story.wait(10ms); // falls of a group are gathered
    CHECK(variable(story.last_command(), "NEZUBAN_GROUP") == "post");
    CHECK(story.told(Happening::under)[0].group == "post");
    story.exit({.pid = 102, .start_ns = 4});
    CHECK(variable(story.last_command(), "NEZUBAN_GROUP").empty());
}

TEST_CASE("a group is as bad as its worst member") {
    auto plain = rule("plain", "plaind");
    Story story({restartable("scanner", "scand"), plain, rule("web", "nginx")},
                {.groups = {{.name = "post", .members = {"scanner", "plain"}}, {.name = "rest", .members = {"web"}}}});
    const auto group = [&](std::size_t index) { return story.engine.view(story.now).groups[index].state; };
    CHECK(group(0) == RuleState::pending);
    story.present("scand");
    story.present("plaind");
    story.present("nginx");
    story.snapshot();
    CHECK(group(0) == RuleState::ok);
    story.exit({.pid = 100, .start_ns = 2});
    story.wait(10ms);
    CHECK(group(0) == RuleState::restarting);
    story.exit({.pid = 101, .start_ns = 3});
    story.wait(10ms);
    CHECK(group(0) == RuleState::under);
    CHECK(group(1) == RuleState::ok);
    REQUIRE(story.engine.pause("post", {}, story.now, story.wanted));
    CHECK(group(0) == RuleState::paused);
}
