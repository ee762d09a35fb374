#include "control/health_text.hpp"

#include "control/health.hpp"
#include "unit/control/views.hpp"

#include <array>
#include <random>

#include <doctest/doctest.h>

using namespace nezuban;
using namespace nezuban::test;

namespace {

constexpr std::array styles{HealthStyle::clusterpro, HealthStyle::ocf, HealthStyle::nagios, HealthStyle::keepalived,
                            HealthStyle::lsb};

HealthText published(EngineView view) {
    return {.view = std::move(view), .config = "/etc/nezuban/nezuban.toml", .blind = {}, .ended = {}};
}

EngineView read(const EngineView& view) {
    auto text = parse_health_text(to_text(published(view)));
    REQUIRE(text.has_value());
    return text->view;
}

} // namespace

TEST_CASE("every style judges what was published as it would judge the engine's own view") {
    auto hung = rule("h", RuleState::hung, 1);
    hung.failed = true;
    hung.findings = {{.kind = HangKind::uninterruptible, .reason = "tid 77 is in D for 41 s"},
                     {.kind = HangKind::silent, .reason = "silent"}};
    auto limited = rule("limited", RuleState::ok, 3);
    limited.max = 500;
    const auto views = {engine_of({}),
                        engine_of({rule("a", RuleState::ok, 3), limited}),
                        engine_of({rule("p", RuleState::pending, 0), rule("q", RuleState::under, 0)}),
                        engine_of({failed("a", "3 restarts in 24h"), mending("b", "0 of at least 1")}),
                        engine_of({hung, rule("o", RuleState::over, 9)}),
                        engine_of({rule("x", RuleState::paused, 0)}),
                        engine_of({rule("n", RuleState::ok, 0, 0)}),
                        engine_of({rule("a", RuleState::ok, 1), failed("b", "x")},
                                  {{.name = "g", .state = RuleState::ok, .members = {"a", "b"}}})};
    for (const auto& view : views) {
        for (const auto style : styles) {
            for (const auto& names : {std::vector<std::string>{}, {"a"}, {"g"}, {"nobody"}}) {
                CAPTURE(view.rules.size());
                CHECK(health_of(read(view), names, style) == health_of(view, names, style));
            }
        }
    }
}

TEST_CASE("configuration, blindness and last words come along") {
    auto text = published({});
    text.blind = "the task list could not be read";
    text.ended = "it ended with exit code 10: scanner: 3 restarts in 24h";
    const auto read = parse_health_text(to_text(text));
    REQUIRE(read.has_value());
    CHECK(read->config == text.config);
    CHECK(read->blind == text.blind);
    CHECK(read->ended == text.ended);
}

TEST_CASE("no sentence can become a second line or field, and a long one is cut between letters") {
    auto view = engine_of({failed("a", "x\nrule\tb\tok\x7f"), failed("b", "")});
    for (int i = 0; i < 300; ++i)
        view.rules[1].reason += "語";
    const auto again = read(view);
    REQUIRE(again.rules.size() == 2);
    CHECK(again.rules[0].reason == "x rule b ok ");
    CHECK(again.rules[1].reason.size() <= 300);
    CHECK(again.rules[1].reason.ends_with("語..."));
}

TEST_CASE("no text is longer than was said") {
    auto view = engine_of({failed("a", std::string(1000, 'x')), rule("b", RuleState::restarting, 0)},
                          {{.name = "g", .state = RuleState::exhausted, .members = {"a", "b"}}});
    view.rules[1].count = 4'000'000'000U;
    view.rules[1].min = 4'000'000'000U;
    view.rules[1].max = 4'000'000'000U;
    view.rules[1].mending = true;
    auto health = published(view);
    health.blind = health.ended = std::string(1000, 'y');
    CHECK(to_text(health).size() <= longest_text(health));
}

TEST_CASE("what is not whole is refused, and what a newer daemon says besides is let pass") {
    const auto text = to_text(published(engine_of({failed("a", "x")}, {{.name = "g", .members = {"a"}}})));
    for (std::size_t size = 0; size < text.size(); ++size)
        CHECK_FALSE(parse_health_text(text.substr(0, size)).has_value());
    for (const auto* line : {"rule\n", "rule\ta\n", "rule\ta\tfine\t0\t0\t-\t-\t\n", "rule\ta\tok\t-1\t0\t-\t-\t\n",
                             "rule\ta\tok\t0\t0\t9999999999\t-\t\n", "rule\ta\tok\t0\t0\t-\tmaybe\t\n", "group\tg\n"}) {
        CAPTURE(line);
        CHECK_FALSE(parse_health_text(line + text).has_value());
    }
    const auto newer = parse_health_text("mood\tsunny\nrule\ta\tok\t1\t1\t2\t-\twhy\tmore\nend\n");
    REQUIRE(newer.has_value());
    CHECK(newer->view.rules.at(0).max == 2);
    CHECK(newer->view.rules.at(0).reason == "why");
}

TEST_CASE("no bytes whatever make the parser throw") {
    std::mt19937 random{7};
    const auto seed = to_text(published(engine_of({failed("a", "x")}, {{.name = "g", .members = {"a"}}})));
    for (int i = 0; i < 20'000; ++i) {
        auto text = seed;
        for (int j = 0; j < 3; ++j)
            text[random() % text.size()] = static_cast<char>(random());
        const auto health = parse_health_text(text);
        if (health) CHECK(to_text(*health).size() <= longest_text(*health));
    }
}
