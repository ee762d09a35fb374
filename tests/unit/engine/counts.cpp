#include "story.hpp"

#include <array>

using namespace nezuban;
using namespace nezuban::test;

namespace {

RuleSpec at_most(std::uint32_t max, Over over = Over::report) {
    auto spec = rule("scanner", "scand");
    spec.count = {.min = 0, .max = max, .over = over, .over_command = {}};
    return spec;
}

RuleSpec per(Per what, std::uint32_t min, std::optional<std::uint32_t> max) {
    RuleSpec spec{.name = "each", .match = {.any = true}};
    spec.count = {.min = min, .max = max, .per = what, .over_command = {}};
    return spec;
}

} // namespace

TEST_CASE("too many are told once, and again when it has been well in between") {
    Story story({at_most(1)});
    story.present("scand");
    auto second = story.present("scand");
    story.snapshot();
    REQUIRE(story.told(Happening::over).size() == 1);
    CHECK(story.told(Happening::over)[0].reason == "2 running, at most 1 allowed");
    CHECK(story.told(Happening::over)[0].count == 2);
    CHECK(story.state("scanner") == RuleState::over);
    CHECK(story.of("scanner").failed);
    story.born("scand");
    story.wait(1s);
    CHECK(story.told(Happening::over).size() == 1);
    for (const auto& [id, process] : std::map(story.world)) {
        if (process.comm == "scand" && id.pid > 100) story.exit(id);
    }
    CHECK(story.state("scanner") == RuleState::over); // it has not held yet
    CHECK(story.of("scanner").reason == "1 running, settling");
    CHECK_FALSE(story.of("scanner").failed);
    story.wait(5s);
    CHECK(story.told(Happening::recovered).size() == 1);
    second = story.born("scand");
    story.wait(1s);
    CHECK(story.told(Happening::over).size() == 2);
}

TEST_CASE("too many for a moment are tolerated for as long as the rule says") {
    auto spec = at_most(1);
    spec.count.hold = 10s;
    Story story({spec});
    story.present("scand");
    story.snapshot();
    const auto second = story.born("scand");
    story.wait(9s);
    story.exit(second);
    story.wait(9s);
    CHECK(story.told(Happening::over).empty());
    story.born("scand");
    story.wait(11s);
    CHECK(story.told(Happening::over).size() == 1);
}

TEST_CASE("a command for too many runs once an incident, and is told how many") {
    auto spec = at_most(1, Over::run);
    spec.count.over_command = {"/usr/bin/pause-intake"};
    Story story({spec});
    story.present("scand");
    story.present("scand");
    story.snapshot();
    story.born("scand");
    story.wait(1min);
    const auto commands = story.commands("scanner: over");
    REQUIRE(commands.size() == 1);
    CHECK(commands[0].argv == spec.count.over_command);
    CHECK(variable(commands[0], "NEZUBAN_COUNT") == "2");
    CHECK(variable(commands[0], "NEZUBAN_EVENT") == "over");
}

TEST_CASE("too many can be a reason for a restart") {
    auto spec = at_most(1, Over::restart);
    spec.restart.command = {"/usr/bin/restart-scanner"};
    Story story({spec});
    const auto first = story.present("scand");
    const auto second = story.present("scand");
    story.snapshot();
    REQUIRE(story.commands("scanner: restart").size() == 1);
    story.exit(first);
    story.exit(second);
    story.born("scand");
    story.command_ends(story.last_command());
    story.wait(5s);
    CHECK(story.state("scanner") == RuleState::ok);
}

TEST_CASE("a restart for too few has done its work although there are now too many, which are only told") {
    auto spec = restartable("scanner", "scand");
    spec.count.max = 1;
    Story story({spec});
    story.snapshot();
    story.born("scand");
    story.born("scand");
    story.command_ends(story.last_command());
    story.wait(1min);
    CHECK(story.told(Happening::restart_failed).empty());
    CHECK(story.state("scanner") == RuleState::over);
    CHECK(story.told(Happening::over).size() == 1);
}

TEST_CASE("each value is counted on its own against the limits") {
    const auto check = [](Per what, const std::string& busy, auto differ) {
        Story story({per(what, 0, 2)});
        for (std::uint32_t i = 0; i < 6; ++i) {
            const auto id = story.present("worker");
            differ(story.world[id], i % 4 == 3 ? 1U : 0U); // five of one, one of another
        }
        story.snapshot();
        const auto view = story.of("each");
        CHECK(view.count == 7); // init too
        REQUIRE(view.out_of_range.size() == 1);
        CHECK(view.out_of_range[0].value == busy);
        CHECK(view.out_of_range[0].count == 5);
        REQUIRE(story.told(Happening::over).size() == 1);
        CHECK(story.told(Happening::over)[0].reason == busy + ": 5 running, at most 2 allowed");
        CHECK(story.told(Happening::over)[0].evidence.at(0) == Fact("value", busy));
    };
    check(Per::comm, "w0", [](Process& process, std::uint32_t n) { process.comm = "w" + std::to_string(n); });
    check(Per::exe, "/0", [](Process& process, std::uint32_t n) { process.exe = text("/" + std::to_string(n)); });
    check(Per::user, "5", [](Process& process, std::uint32_t n) { process.uid = 5 + n; });
    check(Per::cgroup, "/g0", [](Process& process, std::uint32_t n) {
        process.cgroups = text("/g" + std::to_string(n) + "\n/");
        process.cgroup_key = 10 + n;
    });
}

TEST_CASE("a value exists as long as somebody has it") {
    auto spec = per(Per::comm, 2, {});
    Story story({spec});
    story.present("alone");
    const auto pair = std::array{story.present("pair"), story.present("pair")};
    story.present("init2");
    story.present("init2");
    story.snapshot();
    CHECK(story.told(Happening::under).size() == 2); // init and alone
    story.exit(pair[0]);
    CHECK(story.told(Happening::under).size() == 3);
    story.exit(pair[1]); // none at all is not too few
    story.wait(5s);
    CHECK(story.told(Happening::recovered).size() == 1);
    CHECK(story.of("each").out_of_range.size() == 2);
    CHECK_FALSE(story.engine.next_deadline().has_value());
}

TEST_CASE("names that are left again leave nothing behind") {
    auto spec = per(Per::comm, 0, 1);
    spec.count.hold = 1h;
    Story story({spec});
    const auto two = std::array{story.present("a"), story.present("a")};
    story.snapshot();
    for (int i = 0; i < 3; ++i) {
        for (const auto& id : two)
            story.rename(id, "name " + std::to_string(i)); // over, which is told in an hour
        CHECK(story.engine.next_deadline().has_value());
    }
    story.rename(two[0], "one");
    story.rename(two[1], "another");
    CHECK_FALSE(story.engine.next_deadline().has_value());
}

TEST_CASE("whoever changes is counted under the new value") {
    Story story({per(Per::comm, 0, 1)});
    const auto first = story.present("a");
    story.present("a");
    story.snapshot();
    REQUIRE(story.told(Happening::over).size() == 1);
    story.rename(first, "b");
    story.wait(5s);
    CHECK(story.told(Happening::recovered).size() == 1);
    CHECK(story.state("each") == RuleState::ok);
    CHECK(story.count("each") == 3);
}

TEST_CASE("every change of state is handed to the notify command, exits are not") {
    auto spec = restartable("scanner", "scand");
    spec.notify_command = {"/usr/bin/notify"};
    Story story({spec});
    const auto id = story.present("scand");
    story.snapshot();
    story.exit(id, 3);
    const auto notes = story.commands("scanner: notify");
    REQUIRE(notes.size() == 2);
    REQUIRE(notes[0].input.has_value());
    CHECK(notes[0].input->happening == Happening::under);
    CHECK(notes[1].input->happening == Happening::restart);
    CHECK(variable(notes[0], "NEZUBAN_EVENT") == "under");
    story.command_ends({.id = notes[0].id, .exit_code = 1}); // nobody's business
    CHECK(story.state("scanner") == RuleState::restarting);
}

TEST_CASE("exits are told at once, but not by the thousand") {
    auto spec = rule("scanner", "scand");
    Story story({spec});
    std::vector<Identity> ids;
    for (int i = 0; i < 1000; ++i) {
        ids.push_back(story.present("scand"));
    }
    story.snapshot();
    for (std::size_t i = 1; i < ids.size(); ++i) {
        story.exit(ids[i]);
    }
    CHECK(story.told(Happening::exit).size() == 10);
    story.wait(1s);
    REQUIRE(story.told(Happening::exit).size() == 11);
    CHECK(story.told(Happening::exit).back().reason == "989 more exits");
}
