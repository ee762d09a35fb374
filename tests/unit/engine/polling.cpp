// Where nothing but comparisons tells of life and death.
#include "story.hpp"

using namespace nezuban;
using namespace nezuban::test;

namespace {

// A machine whose changes reach the engine by its list alone.
Story polled(std::vector<RuleSpec> rules) {
    Story story(std::move(rules), {.events_told = false});
    story.deaf = true;
    return story;
}

RuleSpec one_only(const std::string& name, const std::string& comm) {
    auto spec = restartable(name, comm);
    spec.count.max = 1;
    spec.count.over = Over::stop_newest;
    return spec;
}

} // namespace

TEST_CASE("who is gone at a comparison is found gone, and started again") {
    auto story = polled({restartable("scanner", "scand")});
    const auto scanner = story.present("scand");
    story.snapshot();
    REQUIRE(story.state("scanner") == RuleState::ok);

    story.exit(scanner);
    CHECK(story.count("scanner") == 1); // nobody has told
    story.snapshot();

    CHECK(story.count("scanner") == 0);
    CHECK(story.commands("scanner: restart").size() == 1);
    const auto exits = story.told(Happening::exit);
    REQUIRE(exits.size() == 1);
    CHECK_FALSE(exits[0].cause->known);
}

TEST_CASE("a service that was replaced between two comparisons was never two, and its new copy is left alone") {
    auto story = polled({one_only("scanner", "scand")});
    const auto old_one = story.present("scand");
    story.snapshot();

    story.exit(old_one);
    const auto new_one = story.present("scand");
    story.begin_snapshot();
    story.read(new_one);
    story.wait(1ms);
    story.end_snapshot();

    CHECK(story.count("scanner") == 1);
    CHECK(story.all<Signal>().empty());
    CHECK(story.told(Happening::over).empty());
}

TEST_CASE("a comparison that breaks off has told births only: nothing is judged by it, and another one is asked for") {
    auto story = polled({one_only("scanner", "scand")});
    const auto old_one = story.present("scand");
    story.snapshot();

    story.exit(old_one);
    const auto new_one = story.present("scand");
    story.begin_snapshot();
    story.read(new_one);
    story.end_snapshot(false);
    story.wait(10s);
    CHECK(story.all<Signal>().empty());
    CHECK_FALSE(story.all<Resync>().empty());

    story.snapshot();
    CHECK(story.count("scanner") == 1);
    CHECK(story.all<Signal>().empty());
}

TEST_CASE("an exec is seen by the next comparison, with the new program's path") {
    auto by_path = rule("scanner", "scand");
    by_path.match.exe = "/opt/scand";
    auto story = polled({by_path});
    const auto one = story.present("scand");
    story.snapshot();
    CHECK(story.count("scanner") == 0);
    // Its path is asked for each time: no event says that it has changed.
    Process process{.id = one, .comm = "scand", .exe = text("/opt/other")};
    CHECK(story.engine.needs_of(SnapshotTask{.process = process}).exe);
    process.exe = text("/opt/scand");
    story.begin_snapshot();
    story.tell(SnapshotTask{.process = process});
    story.end_snapshot();
    CHECK(story.count("scanner") == 1);
}

TEST_CASE("cgroups of a process without a key are read at each comparison, exec and rename") {
    auto by_cgroup = rule("scanner", "scand");
    by_cgroup.match.cgroup = "/mail";
    Story story({by_cgroup});
    const auto one = story.present("scand");
    story.begin_snapshot();
    Process process{.id = one, .comm = "scand", .cgroups = text("/mail")};
    story.tell(SnapshotTask{.process = process});
    story.end_snapshot();
    REQUIRE(story.count("scanner") == 1);

    CHECK(story.engine.needs_of(SnapshotTask{.process = process}).cgroups);
    CHECK(story.engine.needs_of(Execed{.process = process}).cgroups); // forked before it was moved to its unit's
    CHECK(story.engine.needs_of(Changed{.process = process}).cgroups);
    process.cgroup_key = 7;
    CHECK(story.engine.needs_of(SnapshotTask{.process = process}).cgroups);

    process.cgroup_key = 0;
    process.cgroups = text("/other");
    story.begin_snapshot();
    story.tell(SnapshotTask{.process = process});
    story.end_snapshot();
    CHECK(story.count("scanner") == 0);
}
