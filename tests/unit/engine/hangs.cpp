#include "hanging.hpp"

using namespace nezuban;
using namespace nezuban::test;

namespace {

std::string text_at(const Facts& facts, std::string_view key) {
    for (const auto& fact : facts) {
        if (fact.key == key) return text_of(fact);
    }
    return "nothing";
}

} // namespace

TEST_CASE("a thread in D is no finding before its time, one when it has come, and recovered when it moves") {
    Hanging story(watching());
    const auto scand = story.born("scand");
    const auto stuck = [&](Duration off) {
        return WaitBuilder(scand).in(ThreadState::uninterruptible).off_for(off).unkillable().calling("write", "/mnt/x");
    };

    story.scan({stuck(5s)});
    CHECK(story.findings().empty());
    CHECK(story.engine.next_scan() == story.now + 25s); // when it is worth another look

    story.wait(25s);
    story.scan({stuck(30s)});
    REQUIRE(story.findings().size() == 1);
    CHECK(story.state("scanner") == RuleState::hung);
    CHECK(story.of("scanner").failed);
    const auto told = story.told(Happening::hang);
    REQUIRE(told.size() == 1);
    CHECK(told[0].pid == scand.pid);
    CHECK(text_at(told[0].evidence, "kind") == "uninterruptible");
    CHECK(text_at(told[0].evidence, "killable") == "no");
    CHECK(told[0].reason.find("in D in write on /mnt/x for 30.0 s; SIGKILL can't end it") != std::string::npos);

    story.wait(1s);
    story.scan({stuck(31s)});
    CHECK(story.told(Happening::hang).size() == 1); // one wait, one finding

    story.wait(1s);
    story.scan({});
    CHECK(story.findings().empty());
    REQUIRE(story.told(Happening::recovered).size() == 1);
    CHECK(story.told(Happening::recovered)[0].reason.find("after 32.0 s") != std::string::npos);
    CHECK(story.state("scanner") == RuleState::ok);
}

TEST_CASE("a followed thread that comes back ends its finding at that very moment") {
    Hanging story(watching());
    const auto scand = story.born("scand");
    story.scan({WaitBuilder(scand).in(ThreadState::stopped).off_for(31s)});
    const auto followed = story.all<FollowThread>();
    REQUIRE(followed.size() == 1);
    CHECK(followed[0].thread.tid == scand.pid);

    story.wait(250ms);
    story.tell(Stalled{.process = scand, .tid = scand.pid});

    CHECK(story.findings().empty());
    CHECK(story.told(Happening::recovered).size() == 1);
}

TEST_CASE("a deadlock needs no threshold but two looks, and the second is asked for soon") {
    Hanging story(watching());
    const auto scand = story.born("scand");
    const std::vector<ThreadWait> circle{WaitBuilder(scand, 501).waiting_for(0x1000, 502).off_for(1s),
                                         WaitBuilder(scand, 502).waiting_for(0x2000, 501).off_for(1s)};
    story.scan(circle);
    CHECK(story.findings().empty());
    REQUIRE(story.engine.next_scan());
    CHECK(*story.engine.next_scan() - story.now <= 500ms);

    story.wait(200ms);
    story.scan(circle);
    REQUIRE(story.findings().size() == 1);
    CHECK(story.findings()[0].kind == HangKind::deadlock);
    CHECK(text_at(story.findings()[0].evidence, "cycle").find("tid 501") != std::string::npos);
}

TEST_CASE("twelve threads behind one that is stuck are one finding that says so") {
    auto spec = watching();
    spec.hang.lock_wait = 10s;
    Hanging story(std::move(spec));
    const auto scand = story.born("scand");
    std::vector<ThreadWait> threads{WaitBuilder(scand, 577).in(ThreadState::uninterruptible).off_for(41s)};
    for (std::uint32_t i = 0; i < 12; ++i) {
        threads.push_back(WaitBuilder(scand, 600 + i).waiting_for(0x1000, 577).off_for(40s));
    }

    story.scan(threads);

    REQUIRE(story.findings().size() == 1);
    CHECK(story.findings()[0].kind == HangKind::uninterruptible);
    CHECK(text_at(story.findings()[0].evidence, "waiting") == "12");
}

TEST_CASE("lock waits with a cause that is no finding itself are one, and name what their owner does") {
    auto spec = watching();
    spec.hang.lock_wait = 10s;
    Hanging story(std::move(spec));
    const auto scand = story.born("scand");
    const std::vector<ThreadWait> waiting{WaitBuilder(scand, 501).waiting_for(0x1000, 577).off_for(12s),
                                          WaitBuilder(scand, 502).waiting_for(0x1000, 577).off_for(11s)};
    story.scan(waiting);
    CHECK(story.engine.scan_wish().threads == std::vector<std::uint32_t>{577}); // who is that?
    CHECK(story.findings().empty());                                            // that is told at once when it is known

    auto known = waiting;
    known.push_back(WaitBuilder(scand, 577).calling("read", "socket 10.0.0.1:5432").off_for(20s));
    story.scan(known);

    REQUIRE(story.findings().size() == 1);
    CHECK(story.findings()[0].kind == HangKind::lock_wait);
    CHECK(text_at(story.findings()[0].evidence, "waiters") == "2");
    CHECK(text_at(story.findings()[0].evidence, "owner_syscall") == "read");
    CHECK(story.told(Happening::hang).size() == 1);
}

TEST_CASE("lock waits whose owner is never seen are told without what he does") {
    auto spec = watching();
    spec.hang.lock_wait = 10s;
    Hanging story(std::move(spec));
    const auto scand = story.born("scand");
    for (int i = 0; i < 2; ++i)
        story.scan({WaitBuilder(scand, 501).waiting_for(0x1000, 577).off_for(12s)});

    REQUIRE(story.findings().size() == 1);
    CHECK(text_at(story.findings()[0].evidence, "owner_tid") == "577");
    CHECK(text_at(story.findings()[0].evidence, "owner_state") == "nothing");
}

TEST_CASE("a deadlock is told as one, not as the lock waits that it is made of") {
    auto spec = watching();
    spec.hang.lock_wait = 10s;
    Hanging story(std::move(spec));
    const auto scand = story.born("scand");
    const std::vector<ThreadWait> circle{WaitBuilder(scand, 501).waiting_for(0x1000, 502).off_for(30s),
                                         WaitBuilder(scand, 502).waiting_for(0x2000, 501).off_for(30s),
                                         WaitBuilder(scand, 503).waiting_for(0x2000, 501).off_for(30s)};
    story.scan(circle);
    CHECK(story.findings().empty()); // the next look will tell what it is
    story.scan(circle);
    REQUIRE(story.findings().size() == 1);
    CHECK(story.findings()[0].kind == HangKind::deadlock);
    CHECK(text_at(story.findings()[0].evidence, "waiting") == "1");
}

TEST_CASE("a lost wake-up is a lock wait of an unknown owner, never a deadlock") {
    auto spec = watching();
    spec.hang.lock_wait = 10s;
    Hanging story(std::move(spec));
    const auto scand = story.born("scand");
    for (int i = 0; i < 3; ++i) {
        story.scan({WaitBuilder(scand).waiting_for(0x1000, 0, LockKind::unknown).off_for(12s)});
        story.wait(1s);
    }

    REQUIRE(story.findings().size() == 1);
    CHECK(story.findings()[0].kind == HangKind::lock_wait);
    CHECK(story.findings()[0].reason.find("owner unknown") != std::string::npos);
}

TEST_CASE("work that nobody takes is unserved after its time, and one connection taken begins a new time") {
    Hanging story(watching());
    const auto scand = story.born("scand");
    story.scan({}, {listening_socket(scand, 1, 1)});
    story.wait(29s);
    story.scan({}, {listening_socket(scand, 3, 2)}); // one was taken, three wait
    story.wait(29s);
    story.scan({}, {listening_socket(scand, 3, 2)});
    CHECK(story.findings().empty());

    story.wait(1s);
    story.scan({}, {listening_socket(scand, 4, 2)});
    REQUIRE(story.findings().size() == 1);
    CHECK(story.findings()[0].reason.find("4 connections wait on 127.0.0.1:25") != std::string::npos);

    story.scan({}, {});
    CHECK(story.told(Happening::recovered).size() == 1);
}

TEST_CASE("what a server says before it closes an idle connection of a pool, nobody has to read") {
    Hanging story(watching());
    const auto scand = story.born("scand");
    auto pooled = listening_socket(scand, 40, 1);
    pooled.kind = SocketKind::tcp;
    pooled.accepts = false;
    pooled.peer_closed = true;
    story.scan({}, {pooled});
    story.wait(60s);
    story.scan({}, {pooled});

    CHECK(story.findings().empty());
}

TEST_CASE("burning CPU is spinning only without system calls, and only when asked for") {
    auto spec = watching();
    spec.hang.spinning = 10s;
    Hanging story(std::move(spec));
    const auto scand = story.born("scand");
    story.scan({WaitBuilder(scand, 501).burning(1s), WaitBuilder(scand, 502).burning(1s)});
    story.wait(10s);
    story.scan({WaitBuilder(scand, 501).burning(11s), WaitBuilder(scand, 502).burning(11s, 5s)});

    REQUIRE(story.findings().size() == 1);
    CHECK(story.findings()[0].tid == 501);
    CHECK(story.findings()[0].kind == HangKind::spinning);
}

TEST_CASE("the system calls of who seems to spin are counted, and one is enough to say that it doesn't") {
    auto spec = watching();
    spec.hang.spinning = 10s;
    Hanging story(std::move(spec));
    const auto scand = story.born("scand");
    story.scan({WaitBuilder(scand).burning(1s)});
    CHECK(story.all<CountSyscalls>().empty());
    story.wait(1s);
    story.scan({WaitBuilder(scand).burning(2s)});
    REQUIRE(story.all<CountSyscalls>().size() == 1);
    CHECK(story.all<CountSyscalls>()[0].thread.tid == scand.pid);

    story.wait(10s);
    WaitBuilder calling = WaitBuilder(scand).burning(12s);
    calling.wait.syscalls = 1;
    story.scan({calling});
    CHECK(story.findings().empty());
}

TEST_CASE("a silent process is one that is watched for it, and comes back with its first switch") {
    auto spec = watching();
    spec.hang.silent = 5s;
    Hanging story(std::move(spec));
    const auto scand = story.born("scand");
    const auto watched = story.all<WatchStalls>();
    REQUIRE(watched.size() == 1);
    CHECK(watched[0].id == scand);
    CHECK(watched[0].threshold == 5s);
    CHECK(story.engine.scan_wish().silent);

    auto seen = scan_of({});
    seen.silences.push_back({.process = scand, .silent = 6s, .longest = 200ms, .usual = 128ms});
    story.look(seen);
    story.look(seen);
    REQUIRE(story.findings().size() == 1);
    CHECK(story.findings()[0].kind == HangKind::silent);

    story.tell(Stalled{.process = scand, .tid = 0, .off_cpu = 7s});
    CHECK(story.findings().empty());
}

TEST_CASE("a heart that stops beating is found, by file or by notification") {
    auto spec = watching();
    spec.hang.heartbeat = 10s;
    SUBCASE("notification") {
        Hanging story(spec);
        const auto scand = story.born("scand");
        story.wait(8s);
        story.tell(Beat{.pid = scand.pid});
        story.wait(9s);
        story.scan({});
        CHECK(story.findings().empty());
        CHECK(story.engine.next_scan() == story.now + 1s);

        story.wait(1s);
        story.scan({});
        story.scan({}); // it might have been frozen
        REQUIRE(story.findings().size() == 1);
        CHECK(story.findings()[0].kind == HangKind::heartbeat);

        story.tell(Beat{.pid = scand.pid});
        CHECK(story.findings().empty());
    }
    SUBCASE("file") {
        spec.hang.heartbeat_file = "/run/scand/alive";
        Hanging story(spec);
        story.born("scand");
        CHECK(story.engine.scan_wish().beat_files == std::vector<std::string>{"/run/scand/alive"});
        const auto touched = story.now;
        const auto seen = [&](std::optional<Time> when) {
            auto scan = scan_of({});
            scan.beats.push_back({.path = "/run/scand/alive", .touched = when, .error = when ? "" : "no such file"});
            return scan;
        };
        story.wait(10s);
        story.look(seen(touched + 2s));
        CHECK(story.findings().empty());
        story.wait(2s);
        story.look(seen(touched + 2s));
        story.look(seen(touched + 2s));
        CHECK(story.findings().size() == 1);
        story.look(seen(story.now));
        CHECK(story.findings().empty());
    }
}

TEST_CASE("a beat counts for the rules that count its sender and wait for one, and for no other") {
    auto spec = watching();
    spec.hang.heartbeat = 10s;
    Hanging story(spec);
    const auto scand = story.born("scand");
    const auto stranger = story.born("cron");
    const auto beats_in_time = [&](std::uint32_t sender) {
        story.tell(Beat{.pid = sender});
        story.scan({});
        story.scan({});
        return story.findings().empty();
    };
    story.wait(11s);

    CHECK_FALSE(beats_in_time(stranger.pid));
    CHECK_FALSE(beats_in_time(4'000'000)); // nobody's
    CHECK(beats_in_time(scand.pid));

    // Its pid is another one's by now.
    story.exit(scand);
    const auto next = story.born("scand");
    story.wait(11s);
    CHECK_FALSE(beats_in_time(scand.pid));
    CHECK(beats_in_time(next.pid));
}

TEST_CASE("the frozen are not hung") {
    Hanging story(watching());
    const auto scand = story.born("scand");
    story.scan({WaitBuilder(scand).in(ThreadState::uninterruptible).off_for(600s).frozen()});

    CHECK(story.findings().empty());
}

TEST_CASE("who stopped it is told, and a debugger is told from a stop") {
    Hanging story(watching());
    const auto scand = story.born("scand");
    WaitBuilder stopped = WaitBuilder(scand).in(ThreadState::stopped).off_for(31s);
    stopped.wait.stopped_by = Sender{.pid = 77, .uid = 0, .signal = 19, .comm = "bash"};
    story.scan({stopped});
    REQUIRE(story.findings().size() == 1);
    CHECK(story.findings()[0].reason.find("SIGSTOP from bash (pid 77, uid 0)") != std::string::npos);

    WaitBuilder held = WaitBuilder(scand).in(ThreadState::traced).off_for(31s).switched(9);
    held.wait.tracer_pid = 88;
    held.wait.tracer_comm = "gdb";
    story.scan({held});
    REQUIRE(story.findings().size() == 1);
    CHECK(story.findings()[0].reason.find("held by its debugger gdb (pid 88)") != std::string::npos);
}

TEST_CASE("a rule that mends ends the hung process for good before its successor starts") {
    Hanging story(mending());
    const auto scand = story.born("scand");
    const auto other = story.born("scand");
    story.scan({WaitBuilder(scand).in(ThreadState::stopped).off_for(31s)});
    CHECK(story.signalled(15) == std::vector<std::uint32_t>{scand.pid}); // it alone
    CHECK(story.commands("scanner: restart").empty());

    story.wait(10s);
    CHECK(story.signalled(9) == std::vector<std::uint32_t>{scand.pid});
    CHECK(story.commands("scanner: restart").empty());

    story.exit(scand);
    REQUIRE(story.commands("scanner: restart").size() == 1);
    story.command_ends(story.last_command());
    story.wait(6s);

    CHECK(story.state("scanner") == RuleState::ok);
    CHECK(story.told(Happening::recovered).size() == 1);
    CHECK(story.count("scanner") == 1);
    (void)other;
}

TEST_CASE("one that SIGKILL can't end is escalated, and nothing is started beside it") {
    Hanging story(mending());
    const auto scand = story.born("scand");
    const auto stuck = [&] { return WaitBuilder(scand).in(ThreadState::uninterruptible).off_for(31s).unkillable(); };
    story.scan({stuck()});
    story.wait(25s);

    CHECK(story.commands("scanner: restart").empty());
    CHECK(story.state("scanner") == RuleState::exhausted);
    REQUIRE(story.told(Happening::escalated).size() == 1);
    CHECK(story.told(Happening::escalated)[0].reason.find("can't be ended, not even by SIGKILL") != std::string::npos);
}

TEST_CASE("what a debugger holds is told, not ended") {
    Hanging story(mending());
    const auto scand = story.born("scand");
    WaitBuilder held = WaitBuilder(scand).in(ThreadState::traced).off_for(31s);
    held.wait.tracer_pid = 88;
    story.scan({held});
    story.wait(60s);

    CHECK(story.findings().size() == 1);
    CHECK(story.all<Signal>().empty());
}

TEST_CASE("a hang that is over before the second attempt needs no restart any more") {
    auto spec = mending();
    spec.restart.delay = 30s;
    spec.restart.delay_max = 60s;
    Hanging story(std::move(spec));
    auto scand = story.born("scand");
    story.scan({WaitBuilder(scand).in(ThreadState::stopped).off_for(31s)});
    story.exit(scand);
    story.command_ends(story.last_command(), 1); // the first attempt fails
    scand = story.born("scand");                 // somebody else has started it
    story.wait(90s);

    CHECK(story.commands("scanner: restart").size() == 1);
    CHECK(story.state("scanner") == RuleState::ok);
}

TEST_CASE("nothing is done about a hang in a pause, and it is done when the pause ends") {
    Hanging story(mending());
    const auto scand = story.born("scand");
    Intents intents;
    REQUIRE(story.engine.pause("scanner", story.now + 60s, story.now, intents));
    story.scan({WaitBuilder(scand).in(ThreadState::stopped).off_for(31s)});
    story.wait(59s);
    CHECK(story.findings().size() == 1);
    CHECK(story.all<Signal>().empty());

    story.wait(2s);
    CHECK_FALSE(story.signalled(15).empty());
}

TEST_CASE("a machine that stood still for a minute has nobody hung for that minute") {
    Hanging story(watching());
    const auto scand = story.born("scand");
    story.scan({WaitBuilder(scand).in(ThreadState::uninterruptible).off_for(2s)});
    const auto from = story.now;
    story.wait(60s);
    auto after = scan_of({WaitBuilder(scand).in(ThreadState::uninterruptible).off_for(62s)});
    after.paused = std::pair(from, story.now);
    story.look(after);

    CHECK(story.findings().empty());
    CHECK(story.engine.next_scan() == story.now + 28s);
}

TEST_CASE("a scan that broke off neither begins nor ends what it has not seen") {
    Hanging story(watching());
    const auto scand = story.born("scand");
    story.scan({WaitBuilder(scand).in(ThreadState::stopped).off_for(31s)});
    auto broken = scan_of({});
    broken.complete = false;
    story.look(broken);

    CHECK(story.findings().size() == 1);
    CHECK(story.told(Happening::recovered).empty());
}

TEST_CASE("the end of the process is the end of its finding") {
    Hanging story(watching());
    const auto scand = story.born("scand");
    story.scan({WaitBuilder(scand).in(ThreadState::stopped).off_for(31s)});
    story.kill(scand, 9);

    CHECK(story.findings().empty());
    REQUIRE(story.told(Happening::recovered).size() == 1);
    CHECK(story.told(Happening::recovered)[0].reason.find("has ended with it") != std::string::npos);
}

TEST_CASE("threads of one process in D in the same place are one finding") {
    Hanging story(watching());
    const auto scand = story.born("scand");
    const auto stuck = [&](std::uint32_t tid, Duration off) {
        return WaitBuilder(scand, tid).in(ThreadState::uninterruptible).off_for(off).calling("write", "/mnt/x");
    };
    story.scan({stuck(501, 31s), stuck(502, 35s), stuck(503, 33s),
                WaitBuilder(scand, 504).in(ThreadState::uninterruptible).off_for(40s).calling("fsync", "/mnt/y")});

    REQUIRE(story.findings().size() == 2);
    CHECK(story.findings()[1].tid == 502); // the longest of the three
    CHECK(text_at(story.findings()[1].evidence, "threads") == "3");

    // One of them returns, the others don't.
    story.tell(Stalled{.process = scand, .tid = 502});
    story.scan({stuck(501, 32s), stuck(503, 34s)});
    CHECK(story.findings().size() == 1);
    CHECK(story.told(Happening::hang).size() == 2);
}

TEST_CASE("what can't be shown to be a lock is told, and nobody is ended for it") {
    auto spec = mending();
    spec.hang.lock_wait = 10s;
    Hanging story(std::move(spec));
    const auto scand = story.born("scand");
    story.scan({WaitBuilder(scand).waiting_for(0x1000, 0, LockKind::unknown).off_for(12s)});

    CHECK(story.findings().size() == 1);
    CHECK(story.all<Signal>().empty());
}

TEST_CASE("who is stopped is woken to hear that he shall end") {
    Hanging story(mending());
    const auto scand = story.born("scand");
    story.scan({WaitBuilder(scand).in(ThreadState::stopped).off_for(31s)});

    const auto sent = story.all<Signal>();
    REQUIRE(sent.size() == 2);
    CHECK(sent[0].signal == 15);
    CHECK(sent[1].signal == 18);
}

TEST_CASE("a hang that nobody mends fails the rule that names the program, not the one that is about everybody") {
    auto everybody = watching();
    everybody.match = {.any = true};
    SUBCASE("named") {
        Hanging story(watching());
        const auto scand = story.born("scand");
        story.scan({WaitBuilder(scand).in(ThreadState::stopped).off_for(31s)});
        CHECK(story.of("scanner").failed);
    }
    SUBCASE("everybody") {
        Hanging story(everybody);
        const auto scand = story.born("scand");
        story.scan({WaitBuilder(scand).in(ThreadState::stopped).off_for(31s)});
        CHECK(story.state("scanner") == RuleState::hung);
        CHECK_FALSE(story.of("scanner").failed);
    }
}

TEST_CASE("a thousand hangs at once are ten lines and a sum, and all of them are in the status") {
    Hanging story(watching());
    std::vector<ThreadWait> all;
    all.reserve(1000);
    for (int i = 0; i < 1000; ++i) {
        all.emplace_back(WaitBuilder(story.born("scand")).in(ThreadState::uninterruptible).off_for(31s));
    }
    story.scan(all);
    story.wait(2s);

    CHECK(story.told(Happening::hang).size() == 11);
    CHECK(story.told(Happening::hang).back().reason == "990 more hangs: see the status");
    CHECK(story.findings().size() == 1000);
}
