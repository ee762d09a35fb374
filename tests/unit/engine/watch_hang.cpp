// What must not be taken for a hang, and what must not be ended for one.
#include "hanging.hpp"

using namespace nezuban;
using namespace nezuban::test;

namespace {

RuleSpec beating() {
    auto spec = watching();
    spec.hang.heartbeat = 10s;
    spec.hang.heartbeat_file = "/run/scand/alive";
    return spec;
}

WaitScan beat_seen(std::optional<Time> touched) {
    auto scan = scan_of({});
    scan.beats.push_back(
        {.path = "/run/scand/alive", .touched = touched, .error = touched ? "" : "it was not looked at in time"});
    return scan;
}

WaitBuilder held_by_debugger(const Identity& process) {
    WaitBuilder held = WaitBuilder(process).in(ThreadState::traced).off_for(5s);
    held.wait.tracer_pid = 88;
    held.wait.tracer_comm = "gdb";
    return held;
}

} // namespace

TEST_CASE("a heartbeat that nobody could look at just now is not one that stopped") {
    Hanging story(beating());
    story.born("scand");
    story.wait(60s);
    story.look(beat_seen(story.now - 1s));
    story.wait(1s);

    story.look(beat_seen(std::nullopt)); // the examiner was busy with somebody else

    CHECK(story.findings().empty());
    CHECK(story.engine.next_scan() == story.now + 8s);
}

TEST_CASE("a wall clock that is set, or a suspend, makes no heartbeat older") {
    Hanging story(beating());
    story.born("scand");
    story.wait(60s);
    const auto touched = story.now - 1s;
    story.look(beat_seen(touched));
    story.wait(1s);

    story.look(beat_seen(touched - 3600s)); // the same time stamp, by a clock that has gone on by an hour
    CHECK(story.findings().empty());

    SUBCASE("nor one that stops younger") {
        story.look(beat_seen(story.now + 3600s)); // set back: that may have been a beat
        story.wait(10s);
        story.look(beat_seen(story.now + 3590s));
        story.look(beat_seen(story.now + 3590s));
        CHECK(story.findings().size() == 1);
    }
    SUBCASE("and the next beat is known by being later") {
        story.wait(5s);
        const auto next = story.now;
        story.look(beat_seen(next));
        story.wait(9s);
        story.look(beat_seen(next));
        CHECK(story.findings().empty());
        story.wait(1s);
        story.look(beat_seen(next));
        story.look(beat_seen(next));
        CHECK(story.findings().size() == 1);
    }
}

TEST_CASE("a heart has its whole time again when the machine has stood still") {
    auto spec = watching();
    spec.hang.heartbeat = 10s;
    Hanging story(spec);
    story.born("scand");
    const auto from = story.now;
    story.wait(60s);
    auto after = scan_of({});
    after.paused = std::pair(from, story.now);

    story.look(after);

    CHECK(story.findings().empty());
    CHECK(story.engine.next_scan() == story.now + 10s);
}

TEST_CASE("the frozen neither beat nor run, and are looked at before that is told") {
    auto spec = mending();
    spec.hang.heartbeat = 10s;
    spec.hang.silent = 10s;
    Hanging story(std::move(spec));
    const auto scand = story.born("scand");
    story.wait(10s);
    auto silent = scan_of({});
    silent.silences.push_back({.process = scand, .silent = 10s});
    story.look(silent);
    CHECK(story.findings().empty());
    CHECK(story.engine.scan_wish().processes == std::vector{scand.pid});
    CHECK(story.engine.next_scan() == story.now);

    SUBCASE("frozen: nothing is wrong, and no hurry") {
        silent.threads = {WaitBuilder(scand).calling("poll").frozen()};
        story.look(silent);
        CHECK(story.findings().empty());
        CHECK_FALSE(story.engine.next_scan());
        CHECK(story.engine.scan_wish().processes == std::vector{scand.pid});
        story.wait(9s);
        story.scan({WaitBuilder(scand).calling("poll")}); // thawed: it will beat soon
        CHECK(story.findings().empty());
        CHECK(story.engine.next_scan() == story.now + 1s);
    }
    SUBCASE("not frozen") {
        silent.threads = {WaitBuilder(scand).calling("poll")};
        story.look(silent);
        CHECK(story.findings().size() == 2);
        CHECK(story.engine.scan_wish().processes.empty());
    }
    SUBCASE("or nobody can look at all") {
        story.look(silent);
        CHECK(story.findings().size() == 2);
    }
}

TEST_CASE("what a debugger holds isn't ended for what it can't do meanwhile") {
    auto spec = mending();
    spec.hang.heartbeat = 10s;
    Hanging story(std::move(spec));
    const auto scand = story.born("scand");
    const auto queue = listening_socket(scand, 3, 1);
    story.scan({held_by_debugger(scand)}, {queue});
    story.wait(30s);
    story.scan({held_by_debugger(scand)}, {queue});

    CHECK(story.findings().size() == 3); // held, unserved, and no heartbeat
    CHECK(story.all<Signal>().empty());
    CHECK(story.commands("scanner: restart").empty());
    CHECK(story.engine.scan_wish().stopped); // else nobody would know
}

TEST_CASE("who has come back since the scan began isn't hung, whatever the scan has seen") {
    Hanging story(mending());
    const auto scand = story.born("scand");
    auto seen = scan_of({WaitBuilder(scand).in(ThreadState::stopped).off_for(31s)});
    seen.began = story.now;
    story.wait(200ms); // the examiner takes its time
    story.tell(Stalled{.process = scand, .tid = scand.pid});

    story.look(seen);
    CHECK(story.findings().empty());
    CHECK(story.all<Signal>().empty());

    story.wait(1s);
    seen.began = story.now;
    story.look(seen);
    CHECK(story.findings().size() == 1);
}

TEST_CASE("of whom a broken scan has not told, nothing new is found") {
    Hanging story(watching());
    const auto scand = story.born("scand");
    story.scan({WaitBuilder(scand).in(ThreadState::uninterruptible).off_for(20s)});
    for (int i = 0; i < 20; ++i) {
        story.wait(1s);
        auto broken = scan_of({});
        broken.complete = false;
        story.look(broken);
    }
    CHECK(story.findings().empty());
}

TEST_CASE("one system call begins a new time for who seems to spin") {
    auto spec = watching();
    spec.hang.spinning = 10s;
    Hanging story(std::move(spec));
    const auto scand = story.born("scand");
    story.scan({WaitBuilder(scand).burning(1s)});
    story.wait(12s);
    WaitBuilder calling = WaitBuilder(scand).burning(12s);
    calling.wait.syscalls = 1;
    story.scan({calling});
    story.wait(1s);
    story.scan({WaitBuilder(scand).burning(13s)}); // it isn't counted any more
    CHECK(story.findings().empty());

    story.wait(9s);
    story.scan({WaitBuilder(scand).burning(22s)});
    CHECK(story.findings().size() == 1);
}

TEST_CASE("who was once seen in a system call may spin for ever after") {
    auto spec = watching();
    spec.hang.spinning = 10s;
    Hanging story(std::move(spec));
    const auto scand = story.born("scand");
    WaitBuilder calling = WaitBuilder(scand).burning(1s);
    calling.wait.entered_by_syscall = true;
    story.scan({calling});
    story.wait(10s);
    story.scan({WaitBuilder(scand).burning(11s)});

    CHECK(story.findings().size() == 1);
}

TEST_CASE("a thread that hardly gets a processor doesn't make us look at it all the time") {
    auto spec = watching();
    spec.hang.spinning = 10s;
    Hanging story(std::move(spec));
    const auto scand = story.born("scand");
    story.scan({WaitBuilder(scand).burning(1s)});
    story.scan({WaitBuilder(scand).burning(10999ms)});

    REQUIRE(story.engine.next_scan());
    CHECK(*story.engine.next_scan() - story.now >= 1s);
}

TEST_CASE("a look at the sockets that was due and can't be had isn't asked for again and again") {
    Hanging story(watching());
    const auto scand = story.born("scand");
    story.scan({}, {listening_socket(scand, 1, 1)});
    REQUIRE(story.engine.next_socket_scan());
    story.wait(31s);
    auto blind = scan_of({});
    blind.sockets_seen = false;
    story.look(blind);

    CHECK_FALSE(story.engine.next_socket_scan());
}

TEST_CASE("what was due for a rule that is gone is due no more") {
    Hanging story(watching());
    const auto scand = story.born("scand");
    story.scan({WaitBuilder(scand).in(ThreadState::stopped).off_for(5s)}, {listening_socket(scand, 1, 1)});
    auto calm = watching();
    calm.hang = {.uninterruptible = {}, .stopped = {}, .deadlock = false, .unserved = {}};
    Intents out;
    story.engine.reload({calm}, {}, story.now, out);

    CHECK_FALSE(story.engine.next_scan());
    CHECK_FALSE(story.engine.next_socket_scan());
}

TEST_CASE("a lock that is passed on while somebody waits for it is one finding, not one for each owner") {
    auto spec = watching();
    spec.hang.lock_wait = 10s;
    Hanging story(std::move(spec));
    const auto scand = story.born("scand");
    for (std::uint32_t owner = 600; owner < 605; ++owner) {
        story.scan({WaitBuilder(scand, 501).waiting_for(0x1000, owner).off_for(12s)});
        story.wait(1s);
    }

    CHECK(story.findings().size() == 1);
    CHECK(story.told(Happening::hang).size() == 1);
    CHECK(story.told(Happening::recovered).empty());
}

TEST_CASE("the owner of a lock is asked for as long as somebody waits for it") {
    Hanging story(watching());
    const auto scand = story.born("scand");
    const WaitBuilder waiting = WaitBuilder(scand, 501).waiting_for(0x1000, 577).off_for(12s);
    story.scan({waiting});
    story.scan({waiting, WaitBuilder(scand, 577).calling("read")});
    CHECK(story.engine.scan_wish().threads == std::vector<std::uint32_t>{577});

    story.scan({});
    CHECK(story.engine.scan_wish().threads.empty());
}

TEST_CASE("who is stopped doesn't wait for a lock as well") {
    auto spec = watching();
    spec.hang.lock_wait = 10s;
    Hanging story(std::move(spec));
    const auto scand = story.born("scand");
    story.scan({WaitBuilder(scand, 501).in(ThreadState::stopped).off_for(31s),
                WaitBuilder(scand, 502).waiting_for(0x1000, 577).in(ThreadState::stopped).off_for(31s)});

    REQUIRE(story.findings().size() == 1);
    CHECK(story.findings()[0].kind == HangKind::stopped);
}

TEST_CASE("a circle that can't be looked into again is no reason to look all the time") {
    Hanging story(watching());
    const auto scand = story.born("scand");
    std::vector<ThreadWait> circle{WaitBuilder(scand, 501).waiting_for(0x1000, 502).off_for(1s),
                                   WaitBuilder(scand, 502).waiting_for(0x2000, 501).off_for(1s)};
    story.scan(circle);
    REQUIRE(story.engine.next_scan());
    for (auto& wait : circle) {
        wait.lock.reset(); // the examiner leaves them out
    }
    story.wait(200ms);
    story.scan(circle);

    CHECK_FALSE(story.engine.next_scan());
}

TEST_CASE("who is being ended for his hang has not recovered when SIGKILL wakes him") {
    Hanging story(mending());
    const auto scand = story.born("scand");
    story.scan({WaitBuilder(scand).in(ThreadState::stopped).off_for(31s)});
    REQUIRE(story.signalled(15).size() == 1);
    story.wait(10s);
    story.tell(Stalled{.process = scand, .tid = scand.pid});
    story.kill(scand, 9);

    CHECK(story.told(Happening::recovered).empty());
    CHECK(story.commands("scanner: restart").size() == 1);
}

TEST_CASE("the restart is told of the hang that has lasted longest") {
    Hanging story(mending());
    const auto scand = story.born("scand");
    const auto other = story.born("scand");
    story.scan({WaitBuilder(scand).in(ThreadState::stopped).off_for(31s),
                WaitBuilder(other).in(ThreadState::uninterruptible).off_for(41s)});

    REQUIRE_FALSE(story.told(Happening::restart).empty());
    CHECK(story.told(Happening::restart)[0].reason.find("in D") != std::string::npos);
}

TEST_CASE("rules tell of one scan in the order of the configuration, so that a replay tells the same") {
    auto first = rule("scanner", "scand");
    auto second = rule("another", "scand");
    Hanging story(std::vector{first, second});
    const auto scand = story.born("scand");
    story.scan({WaitBuilder(scand).in(ThreadState::stopped).off_for(31s)});
    story.scan({});
    Intents out;
    story.engine.reload({second, first}, {}, story.now, out);
    story.scan({WaitBuilder(scand).in(ThreadState::stopped).off_for(31s)});

    const auto told = story.told(Happening::hang);
    REQUIRE(told.size() == 4);
    CHECK(told[0].rule == "scanner");
    CHECK(told[1].rule == "another");
    CHECK(told[2].rule == "another");
    CHECK(told[3].rule == "scanner");
}

TEST_CASE("one that takes long to die is tried again, whatever a debugger holds beside it") {
    Hanging story(mending());
    const auto held = story.born("scand");
    const auto scand = story.born("scand");
    const WaitBuilder debugged = held_by_debugger(held).off_for(40s);
    story.scan({debugged, WaitBuilder(scand).in(ThreadState::stopped).off_for(31s)});
    CHECK(story.signalled(15) == std::vector{scand.pid});
    story.wait(10s);
    CHECK(story.signalled(9) == std::vector{scand.pid});
    story.tell(Stalled{.process = scand, .tid = scand.pid}); // it is on its way out
    story.wait(10s);

    CHECK(story.told(Happening::restart_failed).size() == 1);
    CHECK(story.told(Happening::escalated).empty());
}
