#include "app/store.hpp"

#include "io/clock.hpp"
#include "report/scribe.hpp"
#include "support/temp_dir.hpp"

#include <csignal>
#include <cstring>
#include <functional>
#include <map>

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nezuban;
using namespace nezuban::test;
using namespace std::chrono_literals;

namespace {

// The scribe is started as "this program, scribe": here, too.
[[gnu::constructor]] void become_scribe(int argc, char** argv) {
    if (argc > 2 && std::strcmp(argv[1], "scribe") == 0) ::_exit(scribe_main(argc, argv));
}

RuleMemory memory(int rule, std::uint32_t attempt) {
    return {.rule = "rule " + std::to_string(rule),
            .streak = attempt,
            .plan = PlanMemory{.reason = "fewer than 1",
                               .attempt = attempt,
                               .started = true,
                               .token = std::to_string(rule) + "-" + std::to_string(attempt)}};
}

struct Watching {
    explicit Watching(const std::string& state_dir) {
        REQUIRE(spawner.attach(loop));
        auto opened = Store::open(loop, spawner, {.state_dir = state_dir, .log_level = "error"});
        REQUIRE_MESSAGE(opened, opened.error().text);
        store = std::move(*opened);
    }
    Spawner spawner = Spawner::start().value();
    Loop loop = Loop::create().value();
    std::unique_ptr<Store> store;
};

std::map<std::string, RuleMemory> left_behind(const std::string& state_dir) {
    std::map<std::string, RuleMemory> memories;
    {
        const Watching here(state_dir);
        for (const auto& each : here.store->memories())
            memories[each.rule] = each;
    }
    // Its scribe ends by itself: not before the folder is gone, or it would complain.
    CHECK(open_state_dir(state_dir, 1min));
    return memories;
}

} // namespace

TEST_CASE("a watcher that is killed right after it has remembered loses nothing of it") {
    const TempDir scratch;
    constexpr int rules = 300;
    constexpr std::uint32_t attempts = 5;
    // How far the scribe has come when it happens: nowhere, as no turn of the loop has started it; or anywhere.
    for (const bool at_once : {true, false}) {
        CAPTURE(at_once);
        const auto state_dir = scratch / (at_once ? "at-once" : "later");
        const auto watcher = ::fork();
        if (watcher == 0) {
            Watching here(state_dir);
            while (!at_once && (!here.store->health().attached || here.store->scribe_pid() == 0))
                (void)here.loop.step(std::nullopt);
            for (std::uint32_t attempt = 1; attempt <= attempts; ++attempt) {
                for (int rule = 0; rule < rules; ++rule)
                    here.store->remember(memory(rule, attempt));
            }
            ::kill(::getpid(), SIGKILL);
        }
        ::waitpid(watcher, nullptr, 0);

        const auto memories = left_behind(state_dir);
        CHECK(memories.size() == rules);
        for (int rule = 0; rule < rules; ++rule) {
            const auto expected = memory(rule, attempts);
            CAPTURE(expected.rule);
            REQUIRE(memories.contains(expected.rule));
            CHECK(memories.at(expected.rule) == expected);
        }
    }
}

TEST_CASE("generation after generation is killed, and each reads what the last had remembered") {
    const TempDir scratch;
    for (std::uint32_t generation = 1; generation <= 10; ++generation) {
        CAPTURE(generation);
        const auto watcher = ::fork();
        if (watcher == 0) {
            Watching here(scratch.path().string());
            const auto& before = here.store->memories();
            const bool so = generation == 1 ? before.empty() : before == std::vector{memory(1, generation - 1)};
            if (!so) ::_exit(1);
            here.store->remember(memory(1, generation));
            ::kill(::getpid(), SIGKILL);
        }
        int status = 0;
        ::waitpid(watcher, &status, 0);
        REQUIRE(WIFSIGNALED(status));
    }
    CHECK(left_behind(scratch.path().string()).at("rule 1") == memory(1, 10));
}

TEST_CASE("a scribe that is killed is replaced at once, and its successor gets every memory") {
    const TempDir scratch;
    {
        Watching here(scratch.path().string());
        const auto await = [&](const std::function<bool()>& so) {
            while (!so()) {
                REQUIRE(here.loop.step(here.store->next_deadline()));
                here.store->advance(monotonic_now());
            }
        };
        // given: a scribe that has shown that it can live
        await([&] { return here.store->scribe_pid() != 0; });
        here.store->remember(memory(1, 1));
        await([&] { return here.store->health().waiting == 0; });
        const auto first = here.store->scribe_pid();
        // when
        ::kill(static_cast<pid_t>(first), SIGKILL);
        ::waitpid(static_cast<pid_t>(first), nullptr, 0);
        here.store->remember(memory(2, 1));
        // then
        await([&] { return here.store->scribe_pid() != first && here.store->health().waiting == 0; });
    }
    const auto memories = left_behind(scratch.path().string());
    CHECK(memories.size() == 2);
}
