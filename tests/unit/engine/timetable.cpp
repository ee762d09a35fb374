#include "engine/timetable.hpp"

#include <doctest/doctest.h>

using namespace nezuban;
using namespace std::chrono_literals;

TEST_CASE("the earliest of all deadlines is next, whatever was said before it") {
    Timetable timetable;
    timetable.begin(3);
    CHECK_FALSE(timetable.next());

    timetable.set(2, Time(5s));
    timetable.set(0, Time(7s));
    CHECK(timetable.next() == Time(5s));

    timetable.set(2, Time(9s));
    CHECK(timetable.next() == Time(7s));
    timetable.set(0, std::nullopt);
    CHECK(timetable.next() == Time(9s));

    timetable.begin(3); // another configuration
    CHECK_FALSE(timetable.next());
}

TEST_CASE("those whose time has come are told in the order of the configuration, and until they say otherwise") {
    Timetable timetable;
    timetable.begin(3);
    timetable.set(2, Time(5s));
    timetable.set(0, Time(7s));
    timetable.set(1, Time(8s));

    CHECK(timetable.due(Time(4s)).empty());
    CHECK(timetable.due(Time(7s)) == std::set<std::size_t>{0, 2});
    CHECK(timetable.due(Time(7s)).size() == 2);
}
