#include "rules/judgement.hpp"

#include <doctest/doctest.h>

using namespace nezuban;
using namespace std::chrono_literals;

namespace {

using Change = Judgement::Change;

struct Court {
    Judgement judgement;
    Limits limits;
    bool keep_open = false;

    Change at(Duration time, std::uint32_t count) {
        return judgement.update(count, count, limits, keep_open, Time(time));
    }
    [[nodiscard]] std::optional<Time> due() const {
        return judgement.due(limits, keep_open);
    }
};

} // namespace

TEST_CASE("without a hold time an incident begins with the count, with a settle time it ends later") {
    Court court{.limits = {.min = 1, .max = 3, .settle = 5s}};
    CHECK(court.at(1s, 2) == Change::none);
    CHECK_FALSE(court.due().has_value());
    CHECK(court.at(2s, 0) == Change::began);
    CHECK(court.judgement.told() == Range::under);
    CHECK(court.judgement.told_at() == Time(2s));
    CHECK(court.at(3s, 0) == Change::none);
    CHECK_FALSE(court.due().has_value());
    CHECK(court.at(4s, 1) == Change::none);
    CHECK(court.judgement.range() == Range::in);
    CHECK(court.judgement.told() == Range::under);
    CHECK(court.due() == Time(9s));
    CHECK(court.at(9s - 1ns, 1) == Change::none);
    CHECK(court.at(9s, 1) == Change::ended);
    CHECK_FALSE(court.due().has_value());
}

TEST_CASE("a count that comes back within the hold time was no incident") {
    Court court{.limits = {.min = 1, .hold = 10s, .settle = 5s}};
    CHECK(court.at(1s, 0) == Change::none);
    CHECK(court.due() == Time(11s));
    CHECK(court.at(5s, 1) == Change::none);
    CHECK_FALSE(court.due().has_value());
    CHECK(court.at(6s, 0) == Change::none);
    CHECK(court.at(16s - 1ns, 0) == Change::none);
    CHECK(court.at(16s, 0) == Change::began);
}

TEST_CASE("falling out while settling is the same incident, and the settle time starts anew") {
    Court court{.limits = {.min = 1, .settle = 5s}};
    CHECK(court.at(1s, 0) == Change::began);
    CHECK(court.at(2s, 1) == Change::none);
    CHECK(court.at(6s, 0) == Change::none);
    CHECK(court.at(6500ms, 1) == Change::none);
    CHECK(court.due() == Time(11500ms));
    CHECK(court.at(11500ms, 1) == Change::ended);
}

TEST_CASE("an incident is kept open while something is being done about it, or ended by who did it") {
    Court court{.limits = {.min = 1, .settle = 5s}};
    court.at(1s, 0);
    court.keep_open = true;
    CHECK(court.at(2s, 1) == Change::none);
    CHECK_FALSE(court.due().has_value());
    CHECK(court.at(60s, 1) == Change::none);
    court.judgement.end();
    CHECK(court.judgement.told() == Range::in);
    court.keep_open = false;
    CHECK(court.at(61s, 1) == Change::none);
}

TEST_CASE("too many may become too few: another incident") {
    Court court{.limits = {.min = 1, .max = 3, .settle = 5s}};
    CHECK(court.at(1s, 4) == Change::began);
    CHECK(court.judgement.told() == Range::over);
    CHECK(court.at(2s, 0) == Change::began);
    CHECK(court.judgement.told() == Range::under);
}

TEST_CASE("the count for the maximum may be another than the one for the minimum") {
    Judgement judgement;
    const Limits limits{.min = 2, .max = 2};
    CHECK(judgement.update(3, 2, limits, false, Time(1s)) == Change::none);
    CHECK(judgement.range() == Range::in);
    CHECK(judgement.update(3, 3, limits, false, Time(2s)) == Change::began);
}

TEST_CASE("without limits nothing is out of range") {
    Court court{};
    CHECK(court.at(1s, 0) == Change::none);
    CHECK(court.at(2s, 1'000'000) == Change::none);
}
