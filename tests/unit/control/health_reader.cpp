#include "control/health_reader.hpp"

#include "io/clock.hpp"
#include "io/own_process.hpp"
#include "io/shared_page.hpp"
#include "support/temp_dir.hpp"

#include <cerrno>
#include <thread>

#include <doctest/doctest.h>

using namespace nezuban;
using namespace std::chrono_literals;

namespace {

constexpr Time noon{12h};
constexpr std::uint64_t born = 4711;

Doubt doubt(std::optional<ProcessState> writer, Time beat) {
    return doubt_about(writer, born, beat, noon);
}

ProcessState alive(char letter = 'S') {
    return {.letter = letter, .started = born};
}

struct Desk {
    test::TempDir directory;
    std::string path = health_path(directory.file("control.sock"));
    SharedPage page = std::move(*SharedPage::create(path, 1000));

    Health read(Duration patience) {
        return read_health(path, {}, HealthStyle::clusterpro, monotonic_now() + patience);
    }
};

} // namespace

TEST_CASE("the page lies beside the control socket") {
    CHECK(health_path("/run/nezuban/control.sock") == "/run/nezuban/control.health");
}

TEST_CASE("a beat of the last moment is believed, whatever the daemon does just now") {
    for (const char letter : {'R', 'S', 'D', 'I'})
        CHECK(doubt(alive(letter), noon - 1s).why.empty());
}

TEST_CASE("an older beat is waited for, and one from the future as well") {
    const auto old = doubt(alive(), noon - 3200ms);
    CHECK(old.why == "the daemon has not turned for 3.2 s");
    CHECK(old.wait);
    CHECK(doubt(alive(), noon + 1s).wait);
}

TEST_CASE("who is gone, replaced, dead or stopped isn't waited for") {
    const auto fresh = noon - 1ms;
    const auto other = ProcessState{.letter = 'S', .started = born + 1};
    CHECK(doubt(std::nullopt, fresh).why == "the daemon is not running");
    CHECK(doubt(other, fresh).why == "the daemon is not running");
    CHECK(doubt(alive('Z'), fresh).why == "the daemon is not running");
    CHECK(doubt(alive('X'), fresh).why == "the daemon is not running");
    CHECK(doubt(alive('T'), fresh).why == "the daemon is stopped (SIGSTOP)");
    CHECK(doubt(alive('t'), fresh).why == "the daemon is held by a debugger");
    for (const char letter : {'Z', 'X', 'T', 't'})
        CHECK_FALSE(doubt(alive(letter), fresh).wait);
}

TEST_CASE("a daemon that turns again while it is looked at has answered") {
    Desk desk;
    desk.page.beat(monotonic_now() - 1h);
    REQUIRE(desk.page.publish("rule\ta\tok\t1\t1\t-\t-\t\nend\n").has_value());
    CHECK(look_at_health(desk.path).error().number == EAGAIN);
    std::thread daemon([&] { desk.page.beat(monotonic_now()); });
    const auto health = desk.read(20s);
    daemon.join();
    CHECK(health.exit_code == 0);
    CHECK(health.line == "ok: 1 rules");
}

TEST_CASE("a page without a text yet is one whose text is waited for") {
    Desk desk;
    desk.page.beat(monotonic_now());
    CHECK(look_at_health(desk.path).error().number == EAGAIN);
    CHECK(desk.read(Duration::zero()).line == "cannot tell: the daemon has not said anything yet");
    std::thread daemon([&] { CHECK(desk.page.publish("rule\ta\tok\t1\t1\t-\t-\t\nend\n").has_value()); });
    CHECK(desk.read(20s).line == "ok: 1 rules");
    daemon.join();
}

TEST_CASE("a text that isn't one is waited for no longer than it takes") {
    Desk desk;
    desk.page.beat(monotonic_now());
    REQUIRE(desk.page.publish("rule\tnonsense\n").has_value());
    const auto health = desk.read(20s);
    CHECK(health.exit_code == 2);
    CHECK(health.line == "cannot tell: a rule of the health page can't be read");
}

TEST_CASE("blindness is told") {
    Desk desk;
    desk.page.beat(monotonic_now());
    REQUIRE(desk.page.publish("blind\tno list\nrule\ta\tok\t1\t1\t-\t-\t\nend\n").has_value());
    CHECK(desk.read(20s).line == "cannot tell: no list");
}

TEST_CASE("nothing there is a daemon that isn't running") {
    const auto health = read_health("/nonexistent/control.health", {}, HealthStyle::lsb, monotonic_now() + 20s);
    CHECK(health.exit_code == 4);
    CHECK(health.line == "cannot tell: the daemon is not running: there is no /nonexistent/control.health");
}
