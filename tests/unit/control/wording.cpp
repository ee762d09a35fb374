#include "control/wording.hpp"

#include "control/words.hpp"

#include <array>

#include <doctest/doctest.h>

using namespace nezuban;
using namespace nezuban::control;
using namespace std::chrono_literals;

TEST_CASE("durations are written with their two largest units") {
    CHECK(brief(-1s) == "0ms");
    CHECK(brief(350ms) == "350ms");
    CHECK(brief(59s + 900ms) == "59s");
    CHECK(brief(12min + 5s) == "12m 5s");
    CHECK(brief(1h) == "1h");
    CHECK(brief(76h + 59min) == "3d 4h");
}

TEST_CASE("dates before 1970 and their nanoseconds are right, too") {
    CHECK(rfc3339(WallTime{1ns}) == "1970-01-01T00:00:00.000000001Z");
    CHECK(rfc3339(WallTime{-1ns}) == "1969-12-31T23:59:59.999999999Z");
}

TEST_CASE("the nearest word is found only when it is near") {
    constexpr std::array<std::string_view, 3> known{"status", "reset", "restart"};
    CHECK(nearest("stauts", known) == "status");
    CHECK(nearest("restrat", known) == "restart");
    CHECK(nearest("x", known).empty());
    CHECK(nearest("", known).empty());
    CHECK(nearest(std::string(100'000, 's'), known).empty());
}
