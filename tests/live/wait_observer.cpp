// Who is to be told of those that come back, and who is not any more.
#include "app/wait_observer.hpp"

#include "io/clock.hpp"
#include "live/identity.hpp"
#include "support/child.hpp"
#include "support/features.hpp"
#include "support/privilege.hpp"
#include "support/skip.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

using namespace nezuban;
using namespace nezuban::test;
using namespace std::chrono_literals;

namespace {

struct Watching {
    Spawner spawner = must(Spawner::start());
    Loop loop = must(Loop::create());
    std::vector<Event> told;
    WaitObserver waits{loop, spawner, test::features(),
                       WaitObserver::Ends{.event = [this](const Event& event, Time) { told.push_back(event); },
                                          .log = [](const std::string& line) { FAIL(line); },
                                          .stopper_of = [](const Identity&) { return std::optional<Sender>(); }}};

    Watching() {
        REQUIRE(spawner.attach(loop));
    }
    // Whatever has come within this time.
    void listen(Duration patience) {
        for (const auto end = monotonic_now() + patience; monotonic_now() < end;)
            REQUIRE(loop.step(end));
    }
};

} // namespace

TEST_CASE("where nobody is looked for, nobody's return is told; from the next look on it is") {
    if (!can_load_bpf()) SKIP(why_no_bpf());
    if (!test::features().stalls) SKIP("not on this kernel: nobody tells of context switches");
    Watching here;
    auto ticker = start_program("nzticker");
    const auto process = identity_of(ticker.pid());
    const FollowThread follow{.process = process, .thread = {.tid = process.pid, .start_ns = process.start_ns}};
    const auto pause = [&] {
        here.waits.watch({.id = process, .threshold = 100ms});
        here.waits.follow(follow);
        ticker.ask("pause 300");
        here.listen(100ms);
    };

    here.waits.rest();
    pause();
    CHECK(here.told.empty());

    here.waits.begin({.silent = true}, std::nullopt);
    pause();
    CHECK(std::ranges::any_of(here.told, [](const Event& event) { return std::holds_alternative<Stalled>(event); }));
}

TEST_CASE("who is kept among the watched goes on, and the others are forgotten") {
    if (!can_load_bpf()) SKIP(why_no_bpf());
    if (!test::features().stalls) SKIP("not on this kernel: nobody tells of context switches");
    Watching here;
    auto kept = start_program("nzticker");
    auto dropped = start_program("nzticker");
    const auto kept_id = identity_of(kept.pid());
    here.waits.watch({.id = kept_id, .threshold = 100ms});
    here.waits.watch({.id = identity_of(dropped.pid()), .threshold = 100ms});

    here.waits.keep({kept_id});
    kept.ask("pause 300");
    dropped.ask("pause 300");
    here.listen(100ms);

    REQUIRE_FALSE(here.told.empty());
    for (const auto& event : here.told)
        CHECK(std::get<Stalled>(event).process == kept_id);
}
