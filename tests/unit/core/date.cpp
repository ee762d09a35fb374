#include "core/date.hpp"

#include <string>

#include <doctest/doctest.h>

using namespace nezuban;
using namespace std::chrono_literals;

namespace {

const WallTime now(1'795'341'900s + 123'456'789ns); // 2026-11-22T10:05:00.123456789Z

WallTime at(std::string_view text) {
    return parse_time(text, now).value();
}

} // namespace

TEST_CASE("times are told in UTC with nanoseconds") {
    CHECK(format_time(now) == "2026-11-22T10:05:00.123456789Z");
    CHECK(format_time(WallTime{}) == "1970-01-01T00:00:00.000000000Z");
    CHECK(format_time(WallTime(Duration(-1))) == "1969-12-31T23:59:59.999999999Z");
    CHECK(format_time(WallTime(951'782'399s)) == "2000-02-28T23:59:59.000000000Z");
    CHECK(format_time(WallTime(951'782'400s)) == "2000-02-29T00:00:00.000000000Z");
}

TEST_CASE("what was told can be read again, and so can its shorter forms") {
    CHECK(at("2026-11-22T10:05:00.123456789Z") == now);
    CHECK(at("2026-11-22T10:05:00.5Z") == now - 123'456'789ns + 500ms);
    CHECK(at("2026-11-22T19:05:00+09:00") == now - 123'456'789ns);
    CHECK(at("2026-11-22 10:05") == now - 123'456'789ns);
    CHECK(at("2026-11-22") == WallTime(1'795'305'600s));
    CHECK(at("@1795305600") == WallTime(1'795'305'600s));
}

TEST_CASE("days and durations count back from now") {
    CHECK(at("now") == now);
    CHECK(at("today") == WallTime(1'795'305'600s));
    CHECK(at("yesterday") == WallTime(1'795'305'600s) - 24h);
    CHECK(at("10m") == now - 10min);
    CHECK(at("10m ago") == now - 10min);
    CHECK(at("1h30m") == now - 90min);
    CHECK(at("2d") == now - 48h);
    CHECK(at("1w") == now - 168h);
}

TEST_CASE("what is no time is refused, with a hint") {
    for (const char* text :
         {"", "soon", "10", "10x", "-1h", "9999999999w", "2026-13-01", "2026-02-30", "2026-1-1", "2026-11-22T25:00:00Z",
          "2026-11-22T10:05:00+99:00", "2026-11-22T10:05:00Zjunk", "@", "1h ", "9999-01-01", " ago"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_time(text, now));
    }
    CHECK(parse_time("soon", now).error().text.find("(hint: ") != std::string::npos);
}

TEST_CASE("what is no time is shown short, and as nothing that moves a cursor") {
    CHECK(parse_time("a\x1b[2J\n", now).error().text.starts_with("\"a\\x1b[2J\\x0a\" is no time"));
    CHECK(parse_time(std::string(10'000, 'x'), now).error().text.size() < 200);
}
