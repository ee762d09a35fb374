#include "io/watch_file.hpp"

#include "support/temp_dir.hpp"

#include <future>

#include <doctest/doctest.h>

using namespace nezuban;
using namespace std::chrono_literals;

TEST_CASE("what was written before anybody waited is not missed") {
    const test::TempDir directory;
    auto watch = DirectoryWatch::open(directory.path());
    REQUIRE(watch.has_value());
    directory.write("history.db", "x");
    CHECK(watch->wait(20s));
    CHECK_FALSE(watch->wait(0s));
    // Everything up to here is one change: the next wait is for the next one.
    auto next = std::async(std::launch::async, [&] { return watch->wait(20s); });
    directory.write("history.db", "xy");
    CHECK(next.get());
}

TEST_CASE("a directory that isn't there can't be watched") {
    const test::TempDir directory;
    const auto watch = DirectoryWatch::open(directory.file("nowhere"));
    REQUIRE_FALSE(watch.has_value());
    CHECK(watch.error().text.find("nowhere") != std::string::npos);
}
