// Records that were lost, and snapshots that put it right; what happens while one is being read.
#include "story.hpp"

using namespace nezuban;
using namespace nezuban::test;

namespace {

struct Watching : Story {
    Watching() : Story({restartable("scanner", "scand")}) {
        scanner = present("scand");
        snapshot();
    }
    Identity scanner;
};

} // namespace

TEST_CASE("a loss is told and counted, and a comparison asked for") {
    Watching story;
    story.tell(EventsLost{.by_kind = {1, 2, 3, 4}});
    CHECK(story.engine.view(story.now).events_lost == 10);
    REQUIRE(story.told(Happening::lost_events).size() == 1);
    CHECK(story.told(Happening::lost_events)[0].reason
          == "the ring was full: 1 fork, 2 exec, 3 exit and 4 change records lost");
    CHECK(story.all<Resync>().size() == 1);
    story.snapshot();
    CHECK(story.told(Happening::resync).size() == 1);
    CHECK(story.engine.view(story.now).resyncs == 1);
    story.snapshot(); // the regular one
    CHECK(story.told(Happening::resync).size() == 1);
    CHECK(story.engine.view(story.now).resyncs == 1);
}

TEST_CASE("what the kernel has skipped is a loss like any other, with a reason of its own") {
    Watching story;
    story.tell(EventsLost{.skipped = 3});
    CHECK(story.engine.view(story.now).events_lost == 3);
    REQUIRE(story.told(Happening::lost_events).size() == 1);
    CHECK(story.told(Happening::lost_events)[0].reason
          == "the kernel skipped 3 runs of our programs: others of the same kind were interrupted");
    CHECK(story.all<Resync>().size() == 1);
}

TEST_CASE("too few for want of a record is no reason for anything") {
    Watching story;
    story.deaf = true;
    const auto successor = story.born("scand");
    story.deaf = false;
    story.lose();
    story.exit(story.scanner);
    CHECK(story.count("scanner") == 0);
    story.wait(500ms);
    CHECK(story.told(Happening::under).empty());
    story.snapshot();
    CHECK(story.of("scanner").pids == std::vector{successor.pid});
    CHECK(story.told(Happening::under).empty());
    CHECK(story.all<RunCommand>().empty());
    CHECK(story.told(Happening::resync)[0].reason
          == "compared with the kernel after a loss: 1 processes found, 0 gone");
}

TEST_CASE("too few in truth is told as soon as the snapshot knows it") {
    Watching story;
    story.deaf = true;
    story.exit(story.scanner, 3);
    story.deaf = false;
    story.lose();
    CHECK(story.told(Happening::under).empty());
    story.snapshot();
    REQUIRE(story.told(Happening::under).size() == 1);
    CHECK(story.told(Happening::under)[0].reason == "0 running, at least 1 wanted; pid 100 is gone, nobody saw how");
    CHECK(story.commands("scanner: restart").size() == 1);
}

TEST_CASE("a loss while the comparison is read asks for another one") {
    Watching story;
    story.lose();
    story.begin_snapshot();
    story.lose();
    CHECK(story.all<Resync>().size() == 1);
    story.end_snapshot(); // it saw nobody: but nothing is judged by it
    CHECK(story.all<Resync>().size() == 2);
    CHECK(story.told(Happening::under).empty());
    story.born("scand");
    story.snapshot();
    CHECK(story.all<Resync>().size() == 2);
    CHECK(story.state("scanner") == RuleState::ok);
}

TEST_CASE("losses without end don't blind us for longer than a second") {
    Watching story;
    story.exit(story.scanner);
    story.command_ends(story.last_command(), 1);
    const auto next = *story.of("scanner").next_at;
    story.lose();
    int snapshots = 0;
    while (story.commands("scanner: restart").size() < 2 && snapshots < 100) {
        story.begin_snapshot();
        story.lose();
        story.read({.pid = 1, .start_ns = 1});
        story.wait(50ms);
        story.end_snapshot();
        ++snapshots;
    }
    CHECK(story.commands("scanner: restart").size() == 2);
    CHECK(story.now - next <= 100ms);
}

TEST_CASE("a vfork child whose exec was lost is somebody after the comparison") {
    Watching story;
    const auto child = story.fork(story.scanner, true);
    story.deaf = true;
    story.exec(child, "scand");
    story.deaf = false;
    CHECK(story.count("scanner") == 1);
    story.lose();
    story.snapshot();
    CHECK(story.count("scanner") == 2);
}

TEST_CASE("who exits while a snapshot is read is not brought back by it") {
    Watching story;
    story.begin_snapshot();
    const auto before = story.world;
    SUBCASE("known before") {
        story.exit(story.scanner);
        story.tell(SnapshotTask{.process = before.at(story.scanner)});
    }
    SUBCASE("never heard of") {
        story.exit(story.scanner);
        story.tell(SnapshotTask{.process = before.at(story.scanner)});
        const Process unknown{.id = {.pid = 5000, .start_ns = 5}, .ppid = 1, .comm = "scand"};
        story.tell(Exited{.id = unknown.id, .cause = {.known = true}});
        story.tell(SnapshotTask{.process = unknown});
    }
    SUBCASE("its exit told twice") {
        story.exit(story.scanner);
        story.tell(Exited{.id = story.scanner, .cause = {.known = true}});
        story.tell(SnapshotTask{.process = before.at(story.scanner)});
    }
    CHECK(story.count("scanner") == 0);
    story.end_snapshot();
    CHECK(story.count("scanner") == 0);
    CHECK(story.told(Happening::exit).size() == 1);
    CHECK(story.told(Happening::under).size() == 1);
}

TEST_CASE("the same pid with another start is somebody else, also in a snapshot") {
    Watching story;
    story.begin_snapshot();
    story.exit(story.scanner);
    const Identity recycled{.pid = story.scanner.pid, .start_ns = 77'000};
    story.tell(SnapshotTask{.process = {.id = recycled, .ppid = 1, .comm = "scand"}});
    story.end_snapshot();
    CHECK(story.of("scanner").pids == std::vector{recycled.pid});
}

TEST_CASE("who is dying is awaited, who is a zombie is gone") {
    Watching story;
    story.begin_snapshot();
    SUBCASE("its exit is about to be told") {
        story.read(story.scanner, true, false);
        story.end_snapshot();
        CHECK(story.count("scanner") == 1);
        story.exit(story.scanner, 3);
        CHECK(story.told(Happening::exit)[0].reason == "pid 100 exited with code 3");
    }
    SUBCASE("its exit was lost") {
        story.read(story.scanner, true, true);
        story.end_snapshot();
        CHECK(story.count("scanner") == 0);
    }
    SUBCASE("its end has begun, and goes on until the next comparison") {
        story.read(story.scanner, true, false);
        story.end_snapshot();
        CHECK(story.count("scanner") == 1);
        story.begin_snapshot();
        story.read(story.scanner, true, false);
        story.end_snapshot();
        CHECK(story.count("scanner") == 0);
        CHECK_FALSE(story.told(Happening::exit)[0].cause->known);
        story.exit(story.scanner, 3); // told at last
        CHECK(story.told(Happening::exit).size() == 1);
        CHECK(story.commands("scanner: restart").size() == 1);
    }
    SUBCASE("somebody dying who was never seen alive") {
        story.read(story.scanner);
        story.tell(SnapshotTask{.process = {.id = {.pid = 9, .start_ns = 9}, .comm = "scand"}, .dying = true});
        story.end_snapshot();
        CHECK(story.count("scanner") == 1);
    }
}

TEST_CASE("a fork whose child was read before its record is one process") {
    Watching story;
    story.begin_snapshot();
    story.deaf = true;
    const auto child = story.fork(story.scanner);
    story.deaf = false;
    story.read(story.scanner);
    story.read(child);
    story.tell(Forked{.child = story.world[child], .parent = story.scanner});
    story.end_snapshot();
    CHECK(story.count("scanner") == 2);
    story.exit(child);
    CHECK(story.count("scanner") == 1);
}

TEST_CASE("who was born while a snapshot was read and not seen by it stays, who was there and not seen is gone") {
    Watching story;
    story.begin_snapshot();
    const auto born = story.born("scand");
    story.end_snapshot();
    CHECK(story.of("scanner").pids == std::vector{born.pid});
}

TEST_CASE("a snapshot that broke off concludes nothing") {
    Watching story;
    story.begin_snapshot();
    story.end_snapshot(false);
    CHECK(story.count("scanner") == 1);
    CHECK(story.wanted.empty());
    CHECK_FALSE(story.engine.next_deadline().has_value()); // the regular one will come

    story.lose();
    story.begin_snapshot();
    story.end_snapshot(false);
    CHECK(story.all<Resync>().size() == 1);
    story.wait(100ms);
    CHECK(story.all<Resync>().size() == 2);
    CHECK(story.told(Happening::under).empty());
}

TEST_CASE("a snapshot tells what was changed silently: a title") {
    auto spec = rule("busy", "scand");
    spec.match.args_regex = "busy";
    spec.count.min = 0;
    Story story({spec});
    const auto id = story.present("scand");
    story.snapshot();
    CHECK(story.count("busy") == 0);
    story.world[id].args = text("scand: busy");
    story.snapshot();
    CHECK(story.count("busy") == 1);
}
