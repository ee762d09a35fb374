#include "app/health_page.hpp"

#include "control/health_reader.hpp"
#include "io/clock.hpp"
#include "support/temp_dir.hpp"

#include <filesystem>

#include <doctest/doctest.h>

using namespace nezuban;
using namespace std::chrono_literals;

namespace {

constexpr Time noon{12h};

HealthText text_of(std::size_t rules) {
    HealthText text;
    for (std::size_t i = 0; i < rules; ++i)
        text.view.rules.push_back({.name = "rule-" + std::to_string(i), .state = RuleState::ok, .count = 1, .min = 1});
    return text;
}

} // namespace

TEST_CASE("the first text is due at once, the next one half a second later") {
    HealthPace pace;
    CHECK(pace.next() <= noon);
    pace.published(noon - 10us, noon);
    CHECK(pace.next() == noon + 500ms);
}

TEST_CASE("what was told is published as soon as the cost allows it") {
    HealthPace pace;
    pace.published(noon - 10us, noon);
    pace.changed(false);
    CHECK(pace.next() == noon + 2ms);
    pace.published(noon - 1s, noon);
    pace.changed(false);
    CHECK(pace.next() == noon + 500ms);
}

TEST_CASE("a rule that is given up doesn't wait for anything") {
    HealthPace pace;
    pace.published(noon - 1s, noon);
    pace.changed(true);
    pace.changed(false);
    CHECK(pace.next() <= noon);
}

TEST_CASE("a reload to a thousand rules makes the page larger, and it can be read all the time") {
    const test::TempDir directory;
    const auto socket = directory.file("control.sock");
    auto page = HealthPage::open(socket, "n.toml");
    REQUIRE(page.has_value());
    for (const std::size_t rules : {1U, 1000U, 2U}) {
        REQUIRE(page->turn(monotonic_now(), [&] { return text_of(rules); }).has_value());
        const auto seen = look_at_health(health_path(socket));
        REQUIRE(seen.has_value());
        CHECK(seen->view.rules.size() == rules);
        CHECK(seen->config.ends_with("/n.toml"));
        CHECK(seen->config.starts_with("/"));
        page->changed(true);
    }
}

TEST_CASE("a page that somebody removed is there again with the next text") {
    const test::TempDir directory;
    const auto path = health_path(directory.file("control.sock"));
    auto page = HealthPage::open(directory.file("control.sock"), "n.toml");
    REQUIRE(page.has_value());
    REQUIRE(page->turn(monotonic_now(), [] { return text_of(1); }).has_value());
    std::filesystem::remove(path);
    page->changed(true);
    REQUIRE(page->turn(monotonic_now(), [] { return text_of(1); }).has_value());
    CHECK(look_at_health(path).has_value());
}

TEST_CASE("last words stand there after the end") {
    const test::TempDir directory;
    const auto socket = directory.file("control.sock");
    auto page = HealthPage::open(socket, "n.toml");
    REQUIRE(page.has_value());
    REQUIRE(page->turn(monotonic_now(), [] { return text_of(1); }).has_value());
    REQUIRE(page->end(text_of(1), "it ended with exit code 10: scanner: gone").has_value());
    const auto seen = look_at_health(health_path(socket));
    REQUIRE(seen.has_value());
    CHECK(seen->ended == "it ended with exit code 10: scanner: gone");
    CHECK(seen->view.rules.size() == 1);
}
