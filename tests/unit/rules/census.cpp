#include "rules/census.hpp"

#include <doctest/doctest.h>

using namespace nezuban;
using namespace std::chrono_literals;

namespace {

Identity number(std::uint32_t n) {
    return {.pid = n, .start_ns = n};
}

Census of(std::uint32_t members) {
    Census census;
    for (std::uint32_t n = 1; n <= members; ++n) {
        census.add(number(n), {});
    }
    return census;
}

using Ending = Census::Ending;

Ending anybody(const Identity& /*id*/) {
    return Ending::allowed;
}

Ending only(bool allowed) {
    return allowed ? Ending::allowed : Ending::forbidden;
}

} // namespace

TEST_CASE("a member is counted once, and by who it is, not by its pid") {
    Census census;
    census.add({.pid = 7, .start_ns = 1}, {});
    census.add({.pid = 7, .start_ns = 1}, {});
    CHECK(census.count() == 1);
    CHECK_FALSE(census.remove({.pid = 7, .start_ns = 2}));
    CHECK(census.count() == 1);
    CHECK(census.remove({.pid = 7, .start_ns = 1}));
    CHECK(census.count() == 0);
}

TEST_CASE("members are told oldest first") {
    Census census;
    census.add({.pid = 3, .start_ns = 10}, {});
    census.add({.pid = 9, .start_ns = 5}, {});
    census.add({.pid = 2, .start_ns = 10}, {});
    CHECK(census.all()
          == std::vector<Identity>{{.pid = 9, .start_ns = 5}, {.pid = 2, .start_ns = 10}, {.pid = 3, .start_ns = 10}});
}

TEST_CASE("the excess is the newest, and never more than what is beyond the maximum") {
    auto census = of(5);
    CHECK(census.take_excess(3, anybody, Time(1s)) == std::vector{number(5), number(4)});
    CHECK(census.on_the_way_out(number(5)));
    CHECK_FALSE(census.on_the_way_out(number(3)));
    CHECK(census.count() == 5); // until they are gone
    CHECK(census.take_excess(3, anybody, Time(1s)).empty());
    CHECK(census.take_excess(9, anybody, Time(1s)).empty());
}

TEST_CASE("who is on the way out already is not taken again when more have to go") {
    auto census = of(5);
    CHECK(census.take_excess(4, anybody, Time(1s)) == std::vector{number(5)});
    CHECK(census.take_excess(2, anybody, Time(1s)) == std::vector{number(4), number(3)});
    census.remove(number(5));
    census.remove(number(4));
    census.remove(number(3));
    CHECK(census.count() == 2);
    CHECK(census.take_excess(2, anybody, Time(1s)).empty());
}

TEST_CASE("who may not be ended stays, and an older one goes instead") {
    auto census = of(5);
    CHECK(
        census.take_excess(4, [](const Identity& id) { return only(id.pid < 4); }, Time(1s)) == std::vector{number(3)});
    CHECK(census.take_excess(
              1, [](const Identity& id) { return only(id.pid < 4); }, Time(1s))
          == std::vector{number(2), number(1)});
}

TEST_CASE("who isn't one of those who are too many stays, and nobody goes instead") {
    auto census = of(5);
    const auto ending_of = [](const Identity& id) { return id.pid == 5 ? Ending::uncalled_for : Ending::allowed; };
    CHECK(census.take_excess(3, ending_of, Time(1s)) == std::vector{number(4)});
    CHECK(census.take_excess(3, ending_of, Time(1s)).empty());
    CHECK_FALSE(census.next_asking().has_value());
}

TEST_CASE("who could not be ended counts as staying and is not tried again") {
    auto census = of(4);
    CHECK(census.take_excess(3, anybody, Time(1s)) == std::vector{number(4)});
    census.refuse(number(4));
    CHECK_FALSE(census.on_the_way_out(number(4)));
    CHECK(census.take_excess(3, anybody, Time(1s)) == std::vector{number(3)});
    census.refuse(number(1)); // was never asked to go
    CHECK(census.take_excess(0, anybody, Time(1s)) == std::vector{number(2), number(1)});
}

TEST_CASE("where nobody can be asked the newest stays the one that has to go: nobody older goes in its place") {
    auto census = of(4);
    CHECK(census.take_excess(2, anybody, Time(1s)) == std::vector{number(4), number(3)});
    CHECK(census.keep(number(4), Time(1s)));
    CHECK_FALSE(census.keep(number(1), Time(1s))); // was never asked to go
    CHECK_FALSE(census.on_the_way_out(number(4)));
    CHECK(census.on_the_way_out(number(3)));
    CHECK(census.take_excess(2, anybody, Time(1050ms)).empty());
    CHECK(census.next_asking() == Time(1100ms));
    CHECK(census.take_excess(2, anybody, Time(1100ms)) == std::vector{number(4)});
}

TEST_CASE("those who may not be ended are not asked again for every one who joins") {
    auto census = of(1000);
    int asked = 0;
    const auto only_newer = [&](const Identity& id) { return ++asked, only(id.pid > 1000); };
    CHECK(census.take_excess(10, only_newer, Time(1s)).empty());
    CHECK(asked == 1000);
    CHECK(census.next_asking() == Time(2s));
    for (std::uint32_t n = 1001; n <= 1100; ++n) {
        census.add(number(n), {});
        CHECK(census.take_excess(10, only_newer, Time(1500ms)) == std::vector{number(n)});
    }
    CHECK(asked == 1100);
    SUBCASE("but after a while: it may be otherwise by then") {
        CHECK(census.take_excess(10, anybody, Time(2s)).size() == 990);
        CHECK_FALSE(census.next_asking().has_value());
    }
    SUBCASE("and those who are gone are not asked at all") {
        census.add(number(1101), {});
        census.remove(number(1101));
        CHECK(census.take_excess(10, anybody, Time(1500ms)).empty());
    }
}

TEST_CASE("a few of the young are overlooked until they have had the time to become something else") {
    auto census = of(1);
    census.add(number(2), Time(20ms));
    CHECK(census.count() == 2);
    CHECK(census.judged_for_max(1) == 1);
    CHECK(census.next_maturity() == Time(20ms));
    census.mature(Time(20ms) - 1ns);
    CHECK(census.judged_for_max(1) == 1);
    census.mature(Time(20ms));
    CHECK(census.judged_for_max(1) == 2);
    CHECK_FALSE(census.next_maturity().has_value());
}

TEST_CASE("of a storm of young ones no more than a fiftieth of the maximum is overlooked, or a handful") {
    auto few = of(1);
    for (std::uint32_t n = 2; n <= 20; ++n) {
        few.add(number(n), Time(20ms));
    }
    CHECK(few.judged_for_max(1) == 12);

    auto census = of(500);
    for (std::uint32_t n = 501; n <= 600; ++n) {
        census.add(number(n), Time(20ms));
    }
    CHECK(census.judged_for_max(500) == 590);
    CHECK(census.take_excess(500, anybody, Time(1s)).size() == 100);
}

TEST_CASE("the young who leave are not awaited") {
    Census census;
    census.add(number(1), Time(20ms));
    census.add(number(2), Time(30ms));
    census.remove(number(1));
    census.remove(number(2));
    CHECK_FALSE(census.next_maturity().has_value());
    census.add(number(2), {}); // back as somebody whom everybody knows
    census.mature(Time(1s));
    CHECK(census.judged_for_max(1) == 1);
}
