// Commands beside restarts: escalate.command, count.over_command, notify.command. What keeps them from being started is
// told, and who is to be called or held off is so as soon as that can be done.
#include "story.hpp"

using namespace nezuban;
using namespace nezuban::test;

namespace {

// As on a machine that has no process left to give.
CommandEnded not_started(const RunCommand& command) {
    return {.id = command.id, .error = "starting it: Resource temporarily unavailable"};
}

RuleSpec paging() {
    auto spec = restartable("scanner", "scand");
    spec.restart.attempts = 1;
    spec.escalate = {.action = EscalateAction::run, .command = {"/usr/bin/page-me"}};
    return spec;
}

struct GivenUp : Story {
    explicit GivenUp(const RuleSpec& spec = paging()) : Story({spec}) {
        const auto scanner = present("scand");
        snapshot();
        exit(scanner, 3);
        command_ends(not_started(last_command()));
        REQUIRE(state("scanner") == RuleState::exhausted);
        REQUIRE(pages().size() == 1);
    }
    [[nodiscard]] std::vector<RunCommand> pages() const {
        return commands("scanner: escalate");
    }
    [[nodiscard]] RuleMemory memory() const {
        return all<Remember>().back().memory;
    }
};

RuleSpec crowded() {
    auto spec = rule("filters", "filter");
    spec.count = {.min = 0, .max = 1, .over = Over::run, .over_command = {"/usr/bin/pause-intake"}};
    return spec;
}

} // namespace

TEST_CASE("who is to be paged is paged as soon as that can be begun") {
    GivenUp story;
    for (const Duration delay : {1s, 2s, 4s, 8s}) {
        const auto tries = story.pages().size();
        story.command_ends(not_started(story.pages().back()));
        story.wait(delay * 89 / 100);
        CHECK(story.pages().size() == tries);
        story.wait(delay * 22 / 100);
        CHECK(story.pages().size() == tries + 1);
    }
    const auto page = story.pages().back();
    CHECK(page.argv == Argv{"/usr/bin/page-me"});
    CHECK(variable(page, "NEZUBAN_EVENT") == "escalated");
    CHECK(variable(page, "NEZUBAN_REASON") == variable(story.pages().front(), "NEZUBAN_REASON"));
    CHECK(variable(page, "NEZUBAN_ATTEMPT") == "1");
    const auto failures = story.told(Happening::command_failed);
    REQUIRE(failures.size() == 4);
    CHECK(failures[0].rule == "scanner");
    CHECK(failures[0].reason.starts_with(
        "escalate command could not be started: starting it: Resource temporarily unavailable; next try in "));

    story.command_starts(page, 500);
    SUBCASE("once it has begun it is not repeated") {
        story.command_ends(page);
        CHECK(story.told(Happening::command_failed).size() == 4);
    }
    SUBCASE("though it fails: that is told") {
        story.command_ends(page, 4);
        REQUIRE(story.told(Happening::command_failed).size() == 5);
        CHECK(story.told(Happening::command_failed)[4].reason == "escalate command exited with code 4");
    }
    story.wait(24h);
    CHECK(story.pages().size() == 5);
}

TEST_CASE("the tries to page are never further apart than the attempts of a restart, and never a storm") {
    auto spec = paging();
    Duration longest = 1min;
    SUBCASE("as configured") {
        spec.restart.delay_max = longest = 10s;
    }
    SUBCASE("where restarts follow at once") {
        spec.restart.delay = spec.restart.delay_max = 0s;
        longest = 1s;
    }
    GivenUp story(spec);
    for (int time = 0; time < 20; ++time) {
        story.command_ends(not_started(story.pages().back()));
        story.wait(longest * 12 / 10);
        CHECK(story.pages().size() <= static_cast<std::size_t>(time) + 2);
    }
    CHECK(story.pages().size() == 21);
}

TEST_CASE("nobody is paged for what is over, and nobody in a pause") {
    GivenUp story;
    story.command_ends(not_started(story.pages().back()));
    SUBCASE("reset") {
        REQUIRE(story.engine.reset("scanner", story.now, story.wanted));
        story.wait(1h);
        CHECK(story.pages().size() == 1);
    }
    SUBCASE("paused") {
        REQUIRE(story.engine.pause("scanner", std::nullopt, story.now, story.wanted));
        story.wait(1h);
        CHECK(story.pages().size() == 1);
        REQUIRE(story.engine.resume("scanner", story.now, story.wanted));
        CHECK(story.pages().size() == 2);
    }
    SUBCASE("nobody is to be, any more") {
        auto spec = paging();
        spec.escalate = {};
        story.engine.reload({spec}, {}, story.now, story.wanted);
        story.wait(1h);
        CHECK(story.pages().size() == 1);
    }
}

TEST_CASE("a page that was not begun is known to the next daemon") {
    GivenUp first;
    bool begun = false;
    SUBCASE("while it is asked for") {}
    SUBCASE("while it waits for the next try") {
        first.command_ends(not_started(first.pages().back()));
    }
    SUBCASE("but not one that was") {
        first.command_starts(first.pages().back(), 500);
        begun = true;
    }
    CHECK(first.memory().page_owed == !begun);

    Story next({paging()}, {.memories = {first.memory()}});
    next.snapshot();
    next.wait(1h);
    REQUIRE(next.state("scanner") == RuleState::exhausted);
    const auto pages = next.commands("scanner: escalate");
    REQUIRE(pages.size() == (begun ? 0 : 1));
    if (begun) return;
    CHECK(variable(pages[0], "NEZUBAN_REASON") == variable(first.pages()[0], "NEZUBAN_REASON"));
    next.command_starts(pages[0], 500);
    CHECK_FALSE(next.all<Remember>().back().memory.page_owed);
}

TEST_CASE("without a restart the page is owed as long as the incident lasts") {
    auto spec = rule("scanner", "scand");
    spec.escalate = {.action = EscalateAction::run, .command = {"/usr/bin/page-me"}};
    Story story({spec});
    story.snapshot();
    story.command_ends(not_started(story.last_command()));
    story.wait(2s);
    CHECK(story.commands("scanner: escalate").size() == 2);
    story.command_ends(not_started(story.last_command()));
    story.born("scand");
    story.wait(1h);
    CHECK(story.state("scanner") == RuleState::ok);
    CHECK(story.commands("scanner: escalate").size() <= 3);
}

TEST_CASE("the command against too many is run as soon as it can be begun, as long as they are too many") {
    Story story({crowded()});
    story.snapshot();
    story.born("filter");
    const auto second = story.born("filter");
    story.wait(20ms);
    REQUIRE(story.commands("filters: over").size() == 1);
    story.command_ends(not_started(story.last_command()));
    REQUIRE(story.told(Happening::command_failed).size() == 1);
    CHECK(story.told(Happening::command_failed)[0].reason.starts_with("over command could not be started: "));
    SUBCASE("they are") {
        story.wait(2s);
        REQUIRE(story.commands("filters: over").size() == 2);
        CHECK(variable(story.last_command(), "NEZUBAN_EVENT") == "over");
        CHECK(variable(story.last_command(), "NEZUBAN_REASON") == "2 running, at most 1 allowed");
        story.command_starts(story.last_command(), 500);
        story.command_ends(story.last_command(), 1);
        CHECK(story.told(Happening::command_failed)[1].reason == "over command exited with code 1");
        story.wait(1h);
        CHECK(story.commands("filters: over").size() == 2);
    }
    SUBCASE("they are no more") {
        story.exit(second);
        story.wait(1h);
        CHECK(story.commands("filters: over").size() <= 4); // while it settles
    }
}

TEST_CASE("a notify command that fails is told once and tells nobody of itself") {
    auto spec = rule("scanner", "scand");
    spec.notify_command = {"/usr/bin/tell"};
    Story story({spec});
    story.snapshot();
    REQUIRE(story.commands("scanner: notify").size() == 1);
    std::string reason = "notify command ";
    SUBCASE("to begin") {
        story.command_ends(not_started(story.last_command()));
        reason += "could not be started: starting it: Resource temporarily unavailable";
    }
    SUBCASE("to end well") {
        story.command_starts(story.last_command(), 500);
        story.command_ends(story.last_command(), 1);
        reason += "exited with code 1";
    }
    SUBCASE("to end in time") {
        story.command_starts(story.last_command(), 500);
        story.command_ends({.id = story.last_command().id, .signal = 9, .timed_out = true});
        reason += "took too long and was ended";
    }
    SUBCASE("to end at all") {
        story.command_starts(story.last_command(), 500);
        story.command_ends({.id = story.last_command().id, .timed_out = true, .error = "not even SIGKILL ends it"});
        reason += "took too long: not even SIGKILL ends it";
    }
    REQUIRE(story.told(Happening::command_failed).size() == 1);
    CHECK(story.told(Happening::command_failed)[0].reason == reason);
    story.wait(1h);
    CHECK(story.commands("scanner: notify").size() == 1);
}

TEST_CASE("what commands read in their environment moves no cursor and begins no line") {
    Story story({restartable("scanner", "scand")});
    const auto scanner = story.present("scand");
    story.snapshot();
    story.die(scanner,
              {.signal = 9, .known = true, .sender_pid = 7, .sender_signal = 9, .sender_comm = "x\nBcc: \x1b[2J\xff"});
    const auto reason = variable(story.last_command(), "NEZUBAN_REASON");
    CHECK(reason.find("sent by x\\x0aBcc: \\x1b[2J\\xff (pid 7") != std::string::npos);
}
