#include "control/wording.hpp"

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
