#include "control/health.hpp"

#include "unit/control/views.hpp"

#include <array>

#include <doctest/doctest.h>

using namespace nezuban;
using namespace nezuban::test;

namespace {

constexpr std::array styles{HealthStyle::clusterpro, HealthStyle::ocf, HealthStyle::nagios, HealthStyle::keepalived,
                            HealthStyle::lsb};
using Codes = std::array<int, 5>; // in that order

Codes codes(const EngineView& view, const std::vector<std::string>& names = {}, std::string_view blind = {}) {
    Codes result{};
    for (std::size_t i = 0; i < styles.size(); ++i)
        result.at(i) = health_of(view, names, styles.at(i), blind).exit_code;
    return result;
}

} // namespace

TEST_CASE("a host on which all rules hold is healthy in every style") {
    CHECK(codes(engine_of({rule("a", RuleState::ok, 3), rule("b", RuleState::ok, 1)})) == Codes{0, 0, 0, 0, 0});
    CHECK(codes(engine_of({})) == Codes{0, 0, 0, 0, 0});
}

TEST_CASE("a rule that failed is told, also among healthy ones, unless others were asked for") {
    const auto view = engine_of({rule("a", RuleState::ok, 3), failed("b", "3 restarts in 24h")});
    CHECK(codes(view) == Codes{1, 1, 2, 1, 1});
    CHECK(codes(view, {"b"}) == Codes{1, 1, 2, 1, 1});
    CHECK(codes(view, {"a"}) == Codes{0, 0, 0, 0, 0});
    CHECK(health_of(view, {}, HealthStyle::clusterpro).line == "failed: b: 3 restarts in 24h");
}

TEST_CASE("a rule that can't be restarted fails without ever being exhausted") {
    auto over = rule("filter", RuleState::over, 501);
    over.failed = true;
    CHECK(codes(engine_of({over})) == Codes{1, 1, 2, 1, 1});
    CHECK(health_of(engine_of({over}), {}, HealthStyle::ocf).line == "failed: filter: over");
}

TEST_CASE("while local restarts are at it the cluster hears that all is well, and Nagios a warning") {
    const auto view = engine_of({rule("a", RuleState::ok, 1), mending("b", "0 of at least 1")});
    CHECK(codes(view) == Codes{0, 0, 1, 0, 0});
    CHECK(health_of(view, {}, HealthStyle::clusterpro).line == "ok: restart under way: b: 0 of at least 1");
    SUBCASE("and what failed weighs more than what is being mended") {
        const auto both = engine_of({failed("x", "gone"), mending("b", "0 of at least 1")});
        CHECK(codes(both) == Codes{1, 1, 2, 1, 1});
    }
}

TEST_CASE("health names what hangs, unless the rule's own reason does already") {
    auto hung = rule("a", RuleState::exhausted, 1);
    hung.failed = true;
    hung.reason = "3 restarts in 24h";
    hung.findings = {{.kind = HangKind::uninterruptible, .reason = "tid 77 is in D for 41 s"}};
    CHECK(health_of(engine_of({hung}), {}, HealthStyle::clusterpro).line
          == "failed: a: 3 restarts in 24h, uninterruptible: tid 77 is in D for 41 s");
    hung.findings.push_back({.kind = HangKind::silent, .reason = "silent"});
    hung.reason = "hung: tid 77 is in D for 41 s";
    CHECK(health_of(engine_of({hung}), {}, HealthStyle::clusterpro).line
          == "failed: a: hung: tid 77 is in D for 41 s (and 1 more)");
}

TEST_CASE("what was stopped on purpose is cleanly absent, and only all of it together") {
    const auto paused = rule("a", RuleState::paused, 0);
    const auto optional = rule("b", RuleState::ok, 0, 0);
    CHECK(codes(engine_of({paused})) == Codes{0, 7, 0, 0, 3});
    CHECK(codes(engine_of({optional})) == Codes{0, 7, 0, 0, 3});
    CHECK(codes(engine_of({paused, optional}), {"a", "b"}) == Codes{0, 7, 0, 0, 3});

    CHECK(codes(engine_of({paused, rule("c", RuleState::ok, 1)})) == Codes{0, 0, 0, 0, 0});
    CHECK(codes(engine_of({paused, rule("c", RuleState::ok, 1)}), {"a"}) == Codes{0, 7, 0, 0, 3});
    CHECK(codes(engine_of({rule("a", RuleState::paused, 2)})) == Codes{0, 0, 0, 0, 0});
    // Not judged yet, or short of its minimum for less than count.for: that isn't clean.
    CHECK(codes(engine_of({rule("a", RuleState::pending, 0, 0)})) == Codes{0, 0, 0, 0, 0});
    CHECK(codes(engine_of({rule("a", RuleState::under, 0)})) == Codes{0, 0, 0, 0, 0});
}

TEST_CASE("a group stands for its members") {
    const auto view = engine_of({rule("db", RuleState::ok, 1), failed("web", "gone"), failed("other", "gone")},
                                {{.name = "mail", .state = RuleState::exhausted, .members = {"db", "web"}}});
    CHECK(codes(view, {"mail"}) == Codes{1, 1, 2, 1, 1});
    CHECK(health_of(view, {"mail"}, HealthStyle::lsb).line == "failed: web: gone");
}

TEST_CASE("an unknown name is answered with a code of its own and the nearest name") {
    const auto view = engine_of({rule("scanner", RuleState::ok, 3)});
    CHECK(codes(view, {"scaner"}) == Codes{2, 2, 3, 1, 4});
    CHECK(codes(view, {"scanner", "nobody"}) == Codes{2, 2, 3, 1, 4});
    CHECK(health_of(view, {"scaner"}, HealthStyle::nagios).line
          == "UNKNOWN there is no rule or group 'scaner' (did you mean \"scanner\"?)");
}

TEST_CASE("a daemon that is dead, hung or blind can't tell") {
    CHECK(codes(engine_of({rule("a", RuleState::ok, 1)}), {}, "no events since 10s") == Codes{2, 1, 3, 1, 4});
    for (std::size_t i = 0; i < styles.size(); ++i)
        CHECK(health_unknown(styles.at(i), "x").exit_code == Codes{2, 1, 3, 1, 4}.at(i));
    CHECK(health_unknown(HealthStyle::clusterpro, "the daemon is not running").line
          == "cannot tell: the daemon is not running");
}

TEST_CASE("Nagios gets one line with counts and limits as performance data") {
    auto scanner = rule("scanner", RuleState::ok, 3);
    scanner.max = 500;
    const auto view = engine_of({scanner, rule("bob's", RuleState::ok, 1)});
    CHECK(health_of(view, {}, HealthStyle::nagios).line == "OK 2 rules|'scanner'=3;;500;0 'bob''s'=1;;;0");

    auto odd = failed("a", "bad | bytes\nand lines");
    CHECK(health_of(engine_of({odd}), {}, HealthStyle::nagios).line == "CRITICAL a: bad / bytes and lines|'a'=0;;;0");
}
