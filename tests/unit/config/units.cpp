#include "config/units.hpp"

#include <doctest/doctest.h>

using namespace nezuban;
using namespace std::chrono_literals;

TEST_CASE("durations as people write them") {
    CHECK(read_duration("500ms") == 500ms);
    CHECK(read_duration("10s") == 10s);
    CHECK(read_duration("5m") == 5min);
    CHECK(read_duration("24h") == 24h);
    CHECK(read_duration("2d") == 48h);
    CHECK(read_duration("1h30m") == 90min);
    CHECK(read_duration("1d2h3m4s5ms6us7ns") == 26h + 3min + 4s + 5ms + 6us + 7ns);
    CHECK(read_duration("0s") == 0s);
    CHECK(read_duration("3653d").has_value());
}

TEST_CASE("what is no duration says why") {
    CHECK(read_duration("10").error().hint == "write \"10s\"");
    CHECK(read_duration("1h30").error().text == "\"1h30\" has no unit");
    for (const auto* text : {"", "-1s", "s", "1.5s", "1 s", "1s2m", "1s1s", "3654d", "3653d1ns", "1x", "1S",
                             "99999999999999999999999s", "18446744073709551615ns", " 1s", "1s "}) {
        CAPTURE(text);
        CHECK_FALSE(read_duration(text).has_value());
    }
}

TEST_CASE("a duration that is written is read back the same") {
    for (const Duration duration : {Duration(0s), Duration(90min), Duration(1ns), Duration(24h + 1ms), Duration(61s)}) {
        CHECK(read_duration(write_duration(duration)) == duration);
    }
    CHECK(write_duration(90min) == "1h30m");
}

TEST_CASE("sizes are powers of 1024") {
    CHECK(read_size("4096") == 4096U);
    CHECK(read_size("64KiB") == 65536U);
    CHECK(read_size("4MiB") == 4U << 20U);
    CHECK(read_size("1GiB") == 1U << 30U);
    for (const auto* text : {"", "4MB", "MiB", "-1", "99999999999GiB", "18446744073709551616", "4 MiB"}) {
        CAPTURE(text);
        CHECK_FALSE(read_size(text).has_value());
    }
}

TEST_CASE("signals by name and by number") {
    CHECK(read_signal("TERM") == 15);
    CHECK(read_signal("SIGTERM") == 15);
    CHECK(read_signal("HUP") == 1);
    CHECK(read_signal("KILL") == 9);
    CHECK(read_signal("SYS") == 31);
    CHECK(read_signal("15") == 15);
    CHECK(read_signal("64") == 64);
    CHECK(read_signal("RTMIN") == 34);
    CHECK(read_signal("SIGRTMIN+3") == 37);
    CHECK(read_signal("RTMAX-1") == 63);
    for (const auto* text : {"", "SIG", "0", "65", "-1", "RTMIN+31", "RTMIN-1", "RTMIN+", "term"}) {
        CAPTURE(text);
        CHECK_FALSE(read_signal(text).has_value());
    }
    CHECK(read_signal("SIGTREM").error().hint == "did you mean \"TERM\"?");
}
