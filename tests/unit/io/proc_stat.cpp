#include "io/proc_stat.hpp"

#include <string>

#include <doctest/doctest.h>
#include <unistd.h>

using namespace nezuban;

namespace {

std::string line(const std::string& name, const std::string& state, const std::string& flags,
                 const std::string& code = "4194304") {
    return "4711 (" + name + ") " + state + " 12 4711 4711 0 -1 " + flags
           + " 1 2 3 4 250 30 7 8 20 0 3 0 123456 1000 50 18446744073709551615 " + code
           + " 1 0 0 0 0 0 4096 0 0 0 0 17 1 0 0 0 0 0 11 12 13 14 15 140724 140990 0\n";
}

} // namespace

TEST_CASE("a stat line tells number, name, state, parent, times, threads and start") {
    const auto stat = parse_stat(line("scand", "S", "4194560"));

    REQUIRE(stat);
    CHECK(stat->id == 4711);
    CHECK(stat->comm == "scand");
    CHECK(stat->state == 'S');
    CHECK(stat->ppid == 12);
    CHECK(stat->user_ticks == 250);
    CHECK(stat->system_ticks == 30);
    CHECK(stat->threads == 3);
    CHECK(stat->start_ticks == 123456);
    CHECK(stat->code == 4194304);
    CHECK(stat->environment_begin == 140724);
    CHECK(stat->environment_end == 140990);
    CHECK_FALSE(stat->ending());
    CHECK_FALSE(stat->kernel_thread());
    CHECK(stat->executed());
}

TEST_CASE("a name with brackets, blanks and line ends is a name") {
    const auto stat = parse_stat(line("a) R 1 (b\n c", "D", "0"));

    REQUIRE(stat);
    CHECK(stat->comm == "a) R 1 (b\n c");
    CHECK(stat->state == 'D');
    CHECK(stat->ppid == 12);
}

TEST_CASE("the flags tell kernel threads, who is ending, and who has executed nothing yet") {
    CHECK(parse_stat(line("kthreadd", "S", "2129984"))->kernel_thread());
    CHECK(parse_stat(line("scand", "R", "4"))->ending());
    CHECK(parse_stat(line("scand", "Z", "0"))->ending());
    CHECK_FALSE(parse_stat(line("scand", "S", "64"))->executed());
}

TEST_CASE("who is in the middle of an exec is told by a program that is nowhere, unless he ends") {
    CHECK(parse_stat(line("scand", "R", "4194560", "0"))->between_programs());
    CHECK_FALSE(parse_stat(line("scand", "R", "4194560"))->between_programs());
    CHECK_FALSE(parse_stat(line("scand", "R", "4", "0"))->between_programs());
    CHECK_FALSE(parse_stat(line("kthreadd", "S", "2129984", "0"))->between_programs());
}

TEST_CASE("what is cut, empty or no stat at all is refused") {
    CHECK_FALSE(parse_stat(""));
    CHECK_FALSE(parse_stat("4711 (scand"));
    CHECK_FALSE(parse_stat("4711 (scand) S 12 4711"));
    CHECK_FALSE(parse_stat("4711 )scand( S 12 4711"));
    CHECK_FALSE(parse_stat("who (scand) S 12 4711 4711 0 -1 0 1 2 3 4 5 6 7 8 9 1 1 1 1 1"));
    for (const auto whole = line("scand", "S", "0"); const auto size : {20UL, 40UL, 60UL})
        CHECK_FALSE(parse_stat(whole.substr(0, size)));
}
