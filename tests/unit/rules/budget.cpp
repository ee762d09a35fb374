#include "rules/budget.hpp"

#include <limits>

#include <doctest/doctest.h>

using namespace nezuban;

namespace {

Time at(Duration since_boot) {
    return Time(since_boot);
}

// The next delay is within a tenth of this, in 200 throws that are not all the same.
void check_delay(const Budget& budget, Duration wanted) {
    Dice dice(7);
    Duration least = Duration::max();
    Duration most{};
    for (int i = 0; i < 200; ++i) {
        const auto delay = budget.next_delay(dice);
        CHECK(delay >= wanted * 9 / 10);
        CHECK(delay <= wanted * 11 / 10);
        least = std::min(least, delay);
        most = std::max(most, delay);
    }
    CHECK(least < most);
}

const RestartSpec spec{.delay = 1s, .delay_max = 10s, .attempts = 3, .window = 1h};

} // namespace

TEST_CASE("the first restart is immediate, each further one waits twice as long, up to a limit") {
    Budget budget(spec);
    Dice dice(1);
    CHECK(budget.next_delay(dice) == 0s);
    for (const auto wanted : {1s, 2s, 4s, 8s, 10s, 10s}) {
        budget.add_attempt(at(1s));
        check_delay(budget, wanted);
    }
}

TEST_CASE("after a healthy time the delay starts anew, the attempts stay spent") {
    Budget budget(spec);
    budget.add_attempt(at(1s));
    budget.add_attempt(at(2s));
    budget.forget_streak();
    Dice dice(1);
    CHECK(budget.next_delay(dice) == 0s);
    CHECK(budget.used(at(3s)) == 2);
}

TEST_CASE("attempts count for the length of the window") {
    Budget budget(spec);
    CHECK_FALSE(budget.spent(at(0s)));
    budget.add_attempt(at(0min));
    budget.add_attempt(at(20min));
    CHECK_FALSE(budget.spent(at(20min)));
    budget.add_attempt(at(40min));
    CHECK(budget.spent(at(40min)));
    CHECK(budget.spent(at(1h) - 1ns));
    CHECK_FALSE(budget.spent(at(1h)));
    CHECK(budget.used(at(1h)) == 2);
    CHECK(budget.used(at(2h)) == 0);
}

TEST_CASE("no attempts allowed is a budget that is always spent") {
    CHECK(Budget({.attempts = 0}).spent(at(0s)));
}

TEST_CASE("a budget survives in a memory, and the operator clears it") {
    Budget budget(spec);
    for (const auto time : {1s, 2s, 3s}) {
        budget.add_attempt(at(time));
    }
    RuleMemory memory{.rule = "scanner", .attempts = {}, .exhausted_reason = {}};
    budget.store(memory);
    CHECK(memory.attempts.size() == 3);
    CHECK(memory.streak == 3);

    Budget again(spec);
    again.restore(memory);
    CHECK(again.spent(at(4s)));
    check_delay(again, 4s);
    again.clear();
    CHECK_FALSE(again.spent(at(4s)));
    Dice dice(1);
    CHECK(again.next_delay(dice) == 0s);
}

TEST_CASE("attempts from before this boot count while they are within the window") {
    Budget budget(spec);
    budget.restore({.rule = "scanner", .attempts = {at(-2h), at(-30min)}, .exhausted_reason = {}});
    CHECK(budget.used(at(10min)) == 1);
    CHECK(budget.used(at(40min)) == 0);
}

TEST_CASE("a budget remembers no more than it needs, and no number is too large for it") {
    Budget budget(spec);
    for (int i = 0; i < 1000; ++i) {
        budget.add_attempt(at(i * 1ms));
    }
    RuleMemory memory{.rule = {}, .attempts = {}, .exhausted_reason = {}};
    budget.store(memory);
    CHECK(memory.attempts.size() <= spec.attempts + 2);
    CHECK(budget.spent(at(1s)));

    Budget impatient({.delay = 0s});
    impatient.restore({.streak = std::numeric_limits<std::uint32_t>::max()});
    Dice dice(1);
    CHECK(impatient.next_delay(dice) == 0s);
}
