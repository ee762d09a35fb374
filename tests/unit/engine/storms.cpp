#include "story.hpp"

#include <algorithm>

using namespace nezuban;
using namespace nezuban::test;

namespace {

RuleSpec capped(std::uint32_t max) {
    auto spec = rule("filter", "filterd");
    spec.count = {.min = 0, .max = max, .over = Over::stop_newest, .over_command = {}};
    return spec;
}

std::uint32_t alive(const Story& story, const std::string& comm) {
    return static_cast<std::uint32_t>(
        std::ranges::count_if(story.world, [&](const auto& pair) { return pair.second.comm == comm; }));
}

using Pids = std::vector<std::uint32_t>;

} // namespace

TEST_CASE("a storm of 20,000 forks is held at the maximum and a few") {
    Story story({capped(500), rule("mail", "postfix")});
    story.present("postfix");
    const auto master = story.present("filterd");
    story.snapshot();
    story.obedient = true;
    std::uint32_t most = 0;
    for (int i = 0; i < 20'000; ++i) {
        story.fork(master);
        most = std::max(most, alive(story, "filterd"));
        if (i % 4 == 0) story.wait(1ms);
    }
    CHECK(most <= 510);
    story.wait(1s);
    CHECK(alive(story, "filterd") == 500);
    CHECK(story.count("filter") == 500);
    CHECK(story.of("filter").stopped_excess == 20'001 - 500);
    CHECK_FALSE(story.of("filter").failed);
    CHECK(story.world.contains(master));
    CHECK(story.told(Happening::over).size() == 1);
    CHECK(story.told(Happening::stopped_excess).size() <= 10); // the storm takes 5 s
    CHECK(story.state("mail") == RuleState::ok);
}

TEST_CASE("a storm whose ends are slow to come is signalled once each, and never below the maximum") {
    Story story({capped(100)});
    const auto master = story.present("filterd");
    story.snapshot();
    for (int i = 0; i < 1000; ++i) {
        story.fork(master);
    }
    story.wait(1s);
    auto pids = story.signalled(9);
    CHECK(pids.size() == 901);
    std::ranges::sort(pids);
    CHECK(std::ranges::adjacent_find(pids) == pids.end());
    CHECK(pids.front() == master.pid + 100); // the oldest stay
    story.obedient = true;
    story.wait(0s);
    story.fork(master);
    story.wait(1s);
    CHECK(story.count("filter") == 100);
}

TEST_CASE("the newest go first, and those who were there at the start can be among them") {
    Story story({capped(2)});
    for (int i = 0; i < 5; ++i) {
        story.present("filterd");
    }
    story.snapshot();
    CHECK(story.signalled(9) == Pids{104, 103, 102});
    story.wait(10s);
    CHECK(story.signalled(9).size() == 3);
}

TEST_CASE("pid 1, kernel threads and our own processes are never ended") {
    RuleSpec all{.name = "all", .match = {.any = true}};
    all.count = {.min = 0, .max = 0, .over = Over::stop_newest, .over_command = {}};
    auto threads = all;
    threads.name = "threads";
    threads.match = {.comm = "kworker", .kernel_thread = true};
    Story story({all, threads}, {.own_pids = {50, 51}});
    story.present("nezuban", 50);
    story.present("spawner", 51);
    const auto thread = story.present("kworker", 60);
    story.world[thread].kernel_thread = true;
    const auto other = story.present("filterd");
    story.snapshot();
    story.wait(1s);
    CHECK(story.count("all") == 4);
    CHECK(story.count("threads") == 1);
    CHECK(story.signalled(9) == Pids{other.pid});
}

TEST_CASE("whom another rule needs is spared, unless that rule has too many itself or names nobody") {
    auto spec = capped(1);
    spec.match = {.user = Principal{"mail", 0}};
    auto needed = rule("needed", "postfix");
    SUBCASE("needed") {
        Story story({spec, needed, {.name = "everybody", .match = {.any = true}}});
        story.present("filterd");
        story.present("postfix");
        const auto newest = story.present("filterd");
        story.present("postfix");
        story.snapshot();
        CHECK(story.signalled(9) == Pids{newest.pid, newest.pid - 2});
    }
    SUBCASE("too many of it") {
        needed.count.max = 1;
        Story story({spec, needed});
        story.present("postfix");
        story.present("postfix");
        story.snapshot();
        story.wait(1s);
        story.born("true"); // the rules are judged one after the other
        story.wait(1s);
        CHECK(story.signalled(9).size() >= 2);
    }
}

TEST_CASE("somebody else under a pid that was to be ended is somebody else") {
    Story story({capped(1)});
    story.present("filterd");
    const auto second = story.present("filterd");
    story.snapshot();
    REQUIRE(story.all<Signal>().size() == 1);
    CHECK(story.all<Signal>()[0].id == second);

    story.kill(second, 9);
    const Identity recycled{.pid = second.pid, .start_ns = 900'000};
    story.tell(Forked{.child = {.id = recycled, .ppid = 1, .comm = "postfix"}, .parent = {.pid = 1, .start_ns = 1}});
    story.signal_answered(second, 3); // nobody of that identity
    story.wait(10s);
    CHECK(story.all<Signal>().size() == 1);
    CHECK(story.count("filter") == 1);
}

TEST_CASE("who could not be ended is told and not tried again, and the next newest goes instead") {
    Story story({capped(1)});
    story.present("filterd");
    story.present("filterd");
    const auto stubborn = story.present("filterd");
    story.snapshot();
    CHECK(story.signalled(9) == Pids{102, 101});
    story.kill({.pid = 101, .start_ns = 3}, 9);
    story.signal_answered(stubborn, 1);
    CHECK(story.told(Happening::stopped_excess).back().reason == "pid 102 could not be ended: error 1");
    CHECK(story.signalled(9) == Pids{102, 101, 100});
}

TEST_CASE("while the daemon lacks what it needs for a signal nobody older is ended in place of the newest") {
    constexpr int no_descriptor_left = 24;
    // given: one too many, which could not be ended for want of something of our own
    Story story({capped(2)});
    const auto oldest = story.present("filterd");
    story.present("filterd");
    const auto newest = story.present("filterd");
    story.snapshot();
    CHECK(story.signalled(9) == Pids{102});
    story.tell(SignalSent{.id = newest, .signal = 9, .error = no_descriptor_left, .for_want = true});
    CHECK(story.engine.view(story.now, Detail::everything).rules.at(0).stopped_excess == 0);

    SUBCASE("it is asked again, and is the one that goes") {
        story.wait(100ms);
        CHECK(story.signalled(9) == Pids{102, 102});
    }
    SUBCASE("unless nobody has to go any more") {
        story.exit(oldest, 0);
        story.wait(10s);
        CHECK(story.signalled(9) == Pids{102});
    }
}

TEST_CASE("a signal that waits to be sent is not wanted any more when what it was decided by has changed") {
    constexpr int canceled = 125;
    // given: two too many, and their signals on the way
    Story story({capped(1), rule("mail", "postfix")});
    story.present("filterd");
    const auto second = story.present("filterd");
    const auto newest = story.present("filterd");
    story.snapshot();
    const auto signals = story.all<Signal>();
    REQUIRE(story.signalled(9) == Pids{102, 101});
    CHECK(story.engine.wants(signals[0]));

    SUBCASE("it has become somebody else") {
        story.exec(newest, "dump");
        CHECK_FALSE(story.engine.wants(signals[0]));
        CHECK(story.engine.wants(signals[1]));
        CHECK(story.of("filter").stopped_excess == 1);
    }
    SUBCASE("another rule needs it by now") {
        story.exec(newest, "postfix");
        CHECK_FALSE(story.engine.wants(signals[0]));
        CHECK(story.count("mail") == 1);
    }
    SUBCASE("others have ended by themselves") {
        story.exit(second);
        story.exit({.pid = 100, .start_ns = 2});
        CHECK(story.count("filter") == 1);
        CHECK_FALSE(story.engine.wants(signals[0]));
    }
    SUBCASE("its rule is paused: after that, it goes") {
        REQUIRE(story.engine.pause("filter", std::nullopt, story.now, story.wanted));
        CHECK_FALSE(story.engine.wants(signals[0]));
        CHECK_FALSE(story.engine.wants(signals[1]));
        story.signal_answered(newest, canceled);
        story.signal_answered(second, canceled);
        CHECK(story.of("filter").stopped_excess == 0);
        story.wait(10s);
        CHECK(story.signalled(9) == Pids{102, 101});
        REQUIRE(story.engine.resume("filter", story.now, story.wanted));
        story.wait(1s);
        CHECK(story.signalled(9) == Pids{102, 101, 102, 101});
    }
    SUBCASE("it shall only be told by now") {
        auto spec = capped(1);
        spec.count.over = Over::report;
        story.engine.reload({spec, rule("mail", "postfix")}, {}, story.now, story.wanted);
        CHECK_FALSE(story.engine.wants(signals[0]));
    }
}

TEST_CASE("a command of ours is nobody's excess, however its program is called, until it is the service itself") {
    // given: a service that has to be started, by a program with the name of those that may be too many
    constexpr std::uint32_t spawner = 50;
    auto mail = rule("mail", "postfix");
    mail.restart.start = {"filterd", "--of-mail"};
    mail.restart.settle = 0s;
    Story story({capped(1), mail}, {.own_pids = {spawner}});
    story.present("filterd");
    const auto parent = story.present("spawner", spawner);
    story.snapshot();
    story.wait(1s);
    REQUIRE(story.commands("mail: start").size() == 1);

    // when it is the newest of them, and one too many comes after it,
    const auto command = story.fork(parent);
    story.exec(command, "filterd");
    SUBCASE("its start is told before") {
        story.command_starts(story.last_command(), command.pid);
    }
    SUBCASE("its start is told later") {}
    const auto next = story.born("filterd");
    story.wait(1s);

    // then only that one goes;
    CHECK(story.signalled(9) == Pids{next.pid});
    story.kill(next, 9);
    story.command_starts(story.last_command(), command.pid);
    story.wait(1s);
    CHECK(story.signalled(9) == Pids{next.pid});
    // and when it has become the service, it is like everybody.
    story.rename(command, "postfix");
    story.rename(command, "filterd");
    story.wait(2s);
    CHECK(story.signalled(9) == Pids{next.pid, command.pid});
}

TEST_CASE("who has no parent that can be seen is no command of a helper that isn't there") {
    Story story({capped(1)}, {.own_pids = {50, 0}});
    story.present("filterd");
    const auto newest = story.present("filterd");
    story.world[newest].ppid = 0;
    story.snapshot();
    CHECK(story.signalled(9) == Pids{newest.pid});
}

TEST_CASE("a thousand who could not be ended are not told by the thousand") {
    Story story({capped(0)});
    for (int i = 0; i < 1000; ++i) {
        story.present("filterd");
    }
    story.snapshot();
    for (const auto& signal : story.all<Signal>()) {
        story.signal_answered(signal.id, 1);
    }
    story.wait(10s);
    CHECK(story.signalled(9).size() == 1000);
    CHECK(story.told(Happening::stopped_excess).size() < 20);
}

TEST_CASE("those who were ended for being too many are no exits to be told, nor a loss to be mourned") {
    auto spec = capped(1);
    spec.count.min = 1;
    Story story({spec});
    const auto first = story.present("filterd");
    story.present("filterd");
    story.obedient = true;
    story.snapshot();
    story.wait(10s);
    CHECK(story.told(Happening::exit).empty());
    CHECK(story.state("filter") == RuleState::ok);
    story.exit(first, 1);
    CHECK(story.told(Happening::under)[0].reason == "0 running, at least 1 wanted; pid 100 exited with code 1");
}

TEST_CASE("whom another rule needed is ended when that rule has too many itself, without another event") {
    auto needed = rule("needed", "filterd");
    needed.count.max = 2;
    needed.count.hold = 3s;
    auto spec = capped(1);
    spec.match = {.user = Principal{"mail", 0}};
    Story story({spec, needed});
    story.present("other");
    for (int i = 0; i < 4; ++i) {
        story.present("filterd");
    }
    story.snapshot();
    // Out of range is out of range, told or not: but the rules are judged one after the other.
    CHECK(story.signalled(9) == Pids{100});
    story.wait(1s);
    CHECK(story.signalled(9) == Pids{100, 104, 103, 102, 101}); // init is of the rule, and stays
}

TEST_CASE("a rule for a whole unit does not protect the storm inside it, but keeps its minimum") {
    RuleSpec unit{.name = "unit", .match = {.user = Principal{"mail", 0}}};
    SUBCASE("the storm is ended") {
        Story story({capped(1), unit});
        story.present("master");
        for (int i = 0; i < 4; ++i) {
            story.present("filterd");
        }
        story.snapshot();
        CHECK(story.signalled(9) == Pids{104, 103, 102});
    }
    SUBCASE("the minimum is kept") {
        unit.count.min = 6; // with init
        Story story({capped(1), unit});
        story.present("master");
        for (int i = 0; i < 4; ++i) {
            story.present("filterd");
        }
        story.snapshot();
        CHECK(story.signalled(9).empty());
    }
}

TEST_CASE("a rule that had too many who may not be ended, and then too few, comes to rest") {
    auto spec = capped(2);
    spec.count.min = 1;
    RuleSpec needed{.name = "needed", .match = {.user = Principal{"mail", 0}}};
    needed.count.min = 5; // with init
    Story story({spec, needed});
    std::vector<Identity> ids;
    for (int i = 0; i < 4; ++i) {
        ids.push_back(story.present("filterd"));
    }
    story.snapshot();
    CHECK(story.signalled(9).empty());
    for (const auto& id : ids) {
        story.exit(id);
    }
    CHECK(story.state("filter") == RuleState::under);
    story.wait(1min);
    CHECK_FALSE(story.engine.next_deadline().has_value());
}

TEST_CASE("each value of count.per is held at the maximum on its own") {
    RuleSpec spec{.name = "each", .match = {.any = true}};
    spec.count = {.min = 0, .max = 2, .per = Per::comm, .over = Over::stop_newest, .over_command = {}};
    Story story({spec});
    for (const auto* comm : {"a", "a", "b", "a", "b", "b", "b"}) {
        story.present(comm);
    }
    story.snapshot();
    CHECK(story.signalled(9) == Pids{103, 106, 105});
}

TEST_CASE("a paused rule ends nobody, and does so when it goes on") {
    Story story({capped(1)});
    story.present("filterd");
    REQUIRE(story.engine.pause("filter", {}, story.now, story.wanted));
    story.present("filterd");
    story.snapshot();
    story.wait(1min);
    CHECK(story.signalled(9).empty());
    CHECK(story.told(Happening::over).size() == 1);
    REQUIRE(story.engine.resume("filter", story.now, story.wanted));
    CHECK(story.signalled(9) == Pids{101});
}
