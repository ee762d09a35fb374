#include "act/output_lines.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace nezuban;
using namespace std::chrono_literals;

namespace {

struct Told {
    std::vector<std::string> lines;
    OutputLines output{[this](const std::string& line) { lines.push_back(line); }};
    Time now{1h};
};

} // namespace

TEST_CASE("output becomes lines, however it arrives, and the last one needs no end") {
    Told told;
    told.output.add("one\ntw", told.now);
    told.output.add("o\n\nthree", told.now);
    CHECK(told.lines == std::vector<std::string>{"one", "two"});
    told.output.finish();
    CHECK(told.lines == std::vector<std::string>{"one", "two", "three"});
}

TEST_CASE("a long line is told in pieces of 4 KiB") {
    Told told;
    told.output.add(std::string(5000, 'x') + "\n", told.now);
    REQUIRE(told.lines.size() == 2);
    CHECK(told.lines[0].size() == 4096);
    CHECK(told.lines[1].size() == 904);
}

TEST_CASE("more than 64 KiB in a second are dropped, and their number is told in the next one or at the end") {
    Told told;
    std::string line(1023, 'x');
    for (int i = 0; i < 100; ++i)
        told.output.add(line + "\n", told.now);
    CHECK(told.lines.size() == 64);
    told.output.add("later\n", told.now + 1s);
    REQUIRE(told.lines.size() == 66);
    CHECK(told.lines[64] == "… 36864 bytes dropped");
    CHECK(told.lines[65] == "later");

    for (int i = 0; i < 100; ++i)
        told.output.add(line + "\n", told.now + 1s);
    told.output.finish();
    CHECK(told.lines.back() == "… 36870 bytes dropped");
}

TEST_CASE("a flood isn't even read until its second is over") {
    Told told;
    std::string flood(1U << 20U, '\n');
    for (int i = 0; i < 4; ++i) {
        CHECK_FALSE(told.output.resume_at());
        told.output.add(flood, told.now);
    }
    CHECK(told.output.resume_at() == told.now + 1s);
    told.output.add({}, told.now + 1s);
    CHECK_FALSE(told.output.resume_at());
}

TEST_CASE("control characters can't reach a terminal") {
    Told told;
    told.output.add("a\tb\x1b[31m\r\x7f\xc3\xa9\xc2\x9b"
                    "2J\xff\t\n",
                    told.now);
    CHECK(told.lines == std::vector<std::string>{"a\tb?[31m??\xc3\xa9?2J?\t"});
}
