// Restarts by stop and start, and commands that turn out to be the service itself.
#include "story.hpp"

#include <array>

using namespace nezuban;
using namespace nezuban::test;

namespace {

RuleSpec pair(Argv stop = {}) {
    auto spec = rule("scanner", "scand");
    spec.count.max = 2;
    spec.count.over = Over::restart;
    spec.restart.stop = std::move(stop);
    spec.restart.start = {"/usr/bin/scand"};
    return spec;
}

// Three where at most two are wanted: a restart, with something to be stopped.
struct TooMany : Story {
    explicit TooMany(RuleSpec spec) : Story({std::move(spec)}) {
        for (auto& id : scanners) {
            id = present("scand");
        }
        snapshot();
    }
    std::vector<RunCommand> starts() const {
        return commands("scanner: start");
    }
    void all_exit() {
        for (const auto& id : scanners) {
            exit(id);
        }
    }
    std::array<Identity, 3> scanners;
};

using Pids = std::vector<std::uint32_t>;

} // namespace

TEST_CASE("without a stop command those who are there get TERM, and the start waits for the last of them") {
    TooMany story(pair());
    CHECK(story.signalled(15) == Pids{100, 101, 102});
    CHECK(story.starts().empty());
    story.exit(story.scanners[1]);
    story.wait(1s);
    story.exit(story.scanners[0]);
    CHECK(story.starts().empty());
    story.exit(story.scanners[2]);
    CHECK(story.starts().size() == 1);
    CHECK(story.signalled(9).empty());
    story.command_ends(story.last_command());
    story.born("scand");
    story.wait(5s);
    CHECK(story.state("scanner") == RuleState::ok);
}

TEST_CASE("who does not go gets KILL after a while") {
    TooMany story(pair());
    story.exit(story.scanners[0]);
    story.wait(10s - 1ns);
    CHECK(story.signalled(9).empty());
    story.wait(1ns);
    CHECK(story.signalled(9) == Pids{101, 102});
    story.kill(story.scanners[1], 9);
    story.kill(story.scanners[2], 9);
    CHECK(story.starts().size() == 1);
}

TEST_CASE(
    "a signal that could not be sent for want of a descriptor is sent again, and the time to obey begins with that") {
    constexpr int no_descriptor_left = 24;
    TooMany story(pair());
    const auto lack = [&](int signal) {
        story.tell(
            SignalSent{.id = story.scanners[0], .signal = signal, .error = no_descriptor_left, .for_want = true});
    };
    story.exit(story.scanners[1]);
    story.exit(story.scanners[2]);
    for (int tries = 1; tries < 200; ++tries) {
        lack(15);
        story.wait(100ms);
    }
    CHECK(story.signalled(15).size() == 3 + 199);
    story.wait(10s - 1ns);
    CHECK(story.signalled(9).empty());
    story.wait(1ns);
    CHECK(story.signalled(9) == Pids{100});

    // SIGKILL is not said to have been in vain before it was sent.
    for (int tries = 1; tries < 200; ++tries) {
        lack(9);
        story.wait(100ms);
    }
    CHECK(story.signalled(9).size() == 200);
    CHECK(story.told(Happening::restart_failed).empty());
    story.kill(story.scanners[0], 9);
    CHECK(story.starts().size() == 1);
}

TEST_CASE("beside one who can't be ended no second copy is started") {
    TooMany story(pair());
    story.exit(story.scanners[0]);
    story.exit(story.scanners[1]);
    story.wait(20s);
    REQUIRE(story.told(Happening::restart_failed).size() == 1);
    CHECK(story.told(Happening::restart_failed)[0].reason.find("can't be ended") != std::string::npos);
    story.wait(1h);
    CHECK(story.starts().empty());
}

TEST_CASE("whoever joins while the others are being stopped has to go too before the start") {
    TooMany story(pair());
    const auto late = story.born("scand");
    story.all_exit();
    CHECK(story.starts().empty());
    CHECK(story.signalled(15) == Pids{100, 101, 102, late.pid});
    story.exit(late);
    CHECK(story.starts().size() == 1);
}

TEST_CASE("a stop command goes before, and signals follow only if it leaves somebody") {
    TooMany story(pair({"/usr/bin/stop-scand"}));
    CHECK(story.signalled(15).empty());
    const auto stops = story.commands("scanner: stop");
    REQUIRE(stops.size() == 1);
    CHECK(variable(stops[0], "NEZUBAN_ATTEMPT") == "1");
    SUBCASE("all are gone before it ends") {
        story.all_exit();
        CHECK(story.starts().empty());
        story.command_ends(stops[0]);
        CHECK(story.starts().size() == 1);
    }
    SUBCASE("all are gone soon after") {
        story.command_ends(stops[0]);
        CHECK(story.starts().empty());
        story.all_exit();
        CHECK(story.starts().size() == 1);
    }
    SUBCASE("it failed, and one stays") {
        story.exit(story.scanners[0]);
        story.exit(story.scanners[1]);
        story.command_ends(stops[0], 1);
        story.wait(10s);
        CHECK(story.signalled(9) == Pids{102});
        story.kill(story.scanners[2], 9);
        CHECK(story.starts().size() == 1);
    }
    SUBCASE("it never ends") {
        story.command_starts(stops[0], 500);
        story.wait(90s);
        CHECK(story.told(Happening::restart_failed).size() == 1);
        CHECK(story.starts().empty());
    }
}

TEST_CASE("who could not be sent a signal and has become somebody else is sent none") {
    constexpr int no_descriptor_left = 24;
    TooMany story(pair());
    story.tell(SignalSent{.id = story.scanners[0], .signal = 15, .error = no_descriptor_left, .for_want = true});
    story.exec(story.scanners[0], "sh");
    story.wait(1min);
    CHECK(story.signalled(15) == Pids{100, 101, 102});
    CHECK(story.signalled(9) == Pids{101, 102});
}

TEST_CASE("with nobody there the start follows at once") {
    Story story({pair({"/usr/bin/stop-scand"})});
    story.snapshot();
    CHECK(story.commands("scanner: start").size() == 1);
    CHECK(story.commands("scanner: stop").empty());
}

TEST_CASE("a start command that is the service itself is adopted, and has recovered without ending") {
    Story story({pair()});
    story.snapshot();
    const auto start = story.last_command();
    Identity service;
    SUBCASE("its pid is told before its exec") {
        service = story.fork({.pid = 1, .start_ns = 1});
        story.command_starts(start, service.pid);
        CHECK(story.all<AdoptCommand>().empty());
        story.exec(service, "scand");
    }
    SUBCASE("its pid is told after its exec") {
        service = story.born("scand");
        CHECK(story.all<AdoptCommand>().empty());
        story.command_starts(start, service.pid);
    }
    REQUIRE(story.all<AdoptCommand>().size() == 1);
    CHECK(story.all<AdoptCommand>()[0].id == start.id);
    story.wait(5s);
    CHECK(story.state("scanner") == RuleState::ok);

    // When it ends one day that is the end of a service, not of a command.
    story.exit(service, 1);
    story.command_ends(start, 1);
    CHECK(story.told(Happening::restart_failed).empty());
    CHECK(story.told(Happening::under).size() == 2);
    story.wait(2s);
    CHECK(story.commands("scanner: start").size() == 2);
}

TEST_CASE("a start command that is somebody else is awaited") {
    Story story({pair()});
    story.snapshot();
    const auto start = story.last_command();
    const auto shell = story.born("sh");
    story.command_starts(start, shell.pid);
    story.born("scand");
    story.wait(1min);
    CHECK(story.all<AdoptCommand>().empty());
    CHECK(story.state("scanner") == RuleState::restarting);
    story.command_ends(start);
    story.wait(5s);
    CHECK(story.state("scanner") == RuleState::ok);
}

TEST_CASE("pid 1, kernel threads and our own processes are not stopped by a restart either") {
    auto spec = pair();
    spec.match = {.comm = "init"};
    spec.count.max = 0;
    spec.count.min = 0;
    SUBCASE("pid 1") {
        Story story({spec});
        story.snapshot();
        CHECK(story.all<Signal>().empty());
    }
    SUBCASE("a kernel thread") {
        spec.match = {.comm = "nfsd", .kernel_thread = true};
        Story story({spec});
        const auto thread = story.present("nfsd");
        story.world[thread].kernel_thread = true;
        story.snapshot();
        CHECK(story.count("scanner") == 1);
        CHECK(story.all<Signal>().empty());
    }
    SUBCASE("ourselves") {
        spec.match = {.comm = "nezuban"};
        Story story({spec}, {.own_pids = {50}});
        story.present("nezuban", 50);
        story.snapshot();
        CHECK(story.count("scanner") == 1);
        CHECK(story.all<Signal>().empty());
    }
}
