// Commands that are late: they wait for a place among many, or their end is never heard of. In no case does a second
// one run beside the first.
#include "story.hpp"

#include <algorithm>

using namespace nezuban;
using namespace nezuban::test;

namespace {

struct Fallen : Story {
    explicit Fallen(RestartSpec restart = {}) : Story({spec_of(std::move(restart))}) {
        scanner = present("scand");
        snapshot();
        exit(scanner);
        REQUIRE(restarts().size() == 1);
        first = last_command();
    }
    static RuleSpec spec_of(RestartSpec restart) {
        auto spec = restartable("scanner", "scand");
        restart.command = spec.restart.command;
        spec.restart = std::move(restart);
        return spec;
    }
    [[nodiscard]] std::vector<RunCommand> restarts() const {
        return commands("scanner: restart");
    }
    [[nodiscard]] bool ended_by_us(CommandId id) const {
        const auto ends = all<EndCommand>();
        return std::ranges::find(ends, id, &EndCommand::id) != ends.end();
    }
    Identity scanner;
    RunCommand first;
};

} // namespace

TEST_CASE("a command that waits for its place is not late, however long it waits") {
    Fallen story;
    story.wait(60s + 31s);
    CHECK(story.told(Happening::restart_failed).empty());
    story.wait(1h);
    CHECK(story.told(Happening::restart_failed).empty());
    CHECK(story.restarts().size() == 1);
    CHECK(story.of("scanner").attempts_used == 1);

    story.command_starts(story.first, 500);
    story.wait(59s);
    story.born("scand");
    story.command_ends(story.first);
    story.wait(5s);
    CHECK(story.state("scanner") == RuleState::ok);
    CHECK(story.restarts().size() == 1);
}

TEST_CASE("a command of whose end nothing is heard is ended, and no second one is run before that has been heard") {
    Fallen story;
    story.command_starts(story.first, 500);
    story.wait(90s - 1ns);
    CHECK(story.told(Happening::restart_failed).empty());
    CHECK_FALSE(story.ended_by_us(story.first.id));

    story.wait(1ns);
    REQUIRE(story.told(Happening::restart_failed).size() == 1);
    CHECK(story.told(Happening::restart_failed)[0].reason == "nothing was heard of the command");
    CHECK(story.ended_by_us(story.first.id));
    story.wait(10min);
    CHECK(story.restarts().size() == 1);
    CHECK(story.of("scanner").attempts_used == 1);

    story.command_ends({.id = story.first.id, .signal = 15, .timed_out = true});
    story.wait(2s);
    CHECK(story.restarts().size() == 2);
}

TEST_CASE("of a plan that a pause has dropped no command is left to begin: it is ended while it waits for its place") {
    Fallen story;
    SUBCASE("it waits") {
        REQUIRE(story.engine.pause("scanner", std::nullopt, story.now, story.wanted));
        CHECK(story.ended_by_us(story.first.id));
        story.command_ends({.id = story.first.id, .timed_out = true, .error = "ended before it was started"});
    }
    SUBCASE("it runs: what has begun is finished, and waited for") {
        story.command_starts(story.first, 500);
        REQUIRE(story.engine.pause("scanner", std::nullopt, story.now, story.wanted));
        CHECK_FALSE(story.ended_by_us(story.first.id));
        REQUIRE(story.engine.resume("scanner", story.now, story.wanted));
        story.wait(89s);
        CHECK_FALSE(story.ended_by_us(story.first.id));
        CHECK(story.restarts().size() == 1);
        story.wait(10min);
        CHECK(story.ended_by_us(story.first.id));
        CHECK(story.restarts().size() == 1);
        REQUIRE(story.engine.pause("scanner", std::nullopt, story.now, story.wanted));
        story.command_ends({.id = story.first.id, .signal = 15, .timed_out = true});
    }
    story.wait(1min);
    CHECK(story.restarts().size() == 1);
    REQUIRE(story.engine.resume("scanner", story.now, story.wanted));
    story.wait(2s);
    CHECK(story.restarts().size() == 2);
}
