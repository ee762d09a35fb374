#include "control/health.hpp"

#include "control/select.hpp"
#include "core/words.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace nezuban {

namespace {

using Style = std::pair<std::string_view, HealthStyle>;

constexpr std::array<Style, 5> styles{{
    {"clusterpro", HealthStyle::clusterpro},
    {"ocf", HealthStyle::ocf},
    {"nagios", HealthStyle::nagios},
    {"keepalived", HealthStyle::keepalived},
    {"lsb", HealthStyle::lsb},
}};

struct Codes {
    int failed;
    int mending;
    int absent;
    int no_daemon;
    int no_name;
};

constexpr Codes codes_of(HealthStyle style) {
    switch (style) {
    case HealthStyle::clusterpro: return {.failed = 1, .mending = 0, .absent = 0, .no_daemon = 2, .no_name = 2};
    case HealthStyle::ocf: return {.failed = 1, .mending = 0, .absent = 7, .no_daemon = 1, .no_name = 2};
    case HealthStyle::nagios: return {.failed = 2, .mending = 1, .absent = 0, .no_daemon = 3, .no_name = 3};
    case HealthStyle::keepalived: return {.failed = 1, .mending = 0, .absent = 0, .no_daemon = 1, .no_name = 1};
    case HealthStyle::lsb: return {.failed = 1, .mending = 0, .absent = 3, .no_daemon = 4, .no_name = 4};
    }
    std::unreachable();
}

bool cleanly_absent(const RuleView& rule) {
    if (rule.failed || rule.mending || rule.count != 0) return false;
    return rule.state == RuleState::paused || (rule.state == RuleState::ok && rule.min == 0);
}

// "scanner: 0 of at least 1; db: exhausted", the first few of them.
std::string reasons(const std::vector<const RuleView*>& rules) {
    constexpr std::size_t shown_max = 5;
    std::string text;
    for (std::size_t i = 0; i < rules.size() && i < shown_max; ++i) {
        const auto& rule = *rules[i];
        text += fmt::format("{}{}: {}", i == 0 ? "" : "; ", rule.name, why_not_well(rule));
    }
    if (rules.size() > shown_max) text += fmt::format("; and {} more", rules.size() - shown_max);
    return text;
}

// 'label'=value;warn;crit;min: a quote in a label is doubled. The count is critical above the rule's maximum.
std::string perfdata(const EngineView& view) {
    std::string text;
    for (const auto& rule : view.rules) {
        std::string label;
        for (const char c : rule.name)
            label += c == '\'' ? std::string{"''"} : std::string{c};
        const auto max = rule.max ? fmt::format("{}", *rule.max) : std::string{};
        text += fmt::format("{}'{}'={};;{};0", text.empty() ? "" : " ", label, rule.count, max);
    }
    return text;
}

// One line is one line, and "|" begins Nagios' perfdata.
std::string one_line(std::string text, HealthStyle style) {
    text = harmless(text, ' ');
    if (style == HealthStyle::nagios) std::ranges::replace(text, '|', '/');
    return text;
}

Health answer(HealthStyle style, int code, std::string_view nagios_word, std::string_view word,
              std::string_view detail) {
    const auto first = style == HealthStyle::nagios ? nagios_word : word;
    const std::string_view between = style == HealthStyle::nagios ? " " : ": ";
    return {.exit_code = code, .line = one_line(fmt::format("{}{}{}", first, between, detail), style)};
}

Health judged(const EngineView& view, HealthStyle style) {
    const auto codes = codes_of(style);
    std::vector<const RuleView*> failed;
    std::vector<const RuleView*> mending;
    for (const auto& rule : view.rules) {
        if (rule.failed)
            failed.push_back(&rule);
        else if (rule.mending)
            mending.push_back(&rule);
    }
    if (!failed.empty()) return answer(style, codes.failed, "CRITICAL", "failed", reasons(failed));
    if (!mending.empty())
        return answer(style, codes.mending, "WARNING", "ok", "restart under way: " + reasons(mending));
    if (!view.rules.empty() && std::ranges::all_of(view.rules, cleanly_absent)) {
        const bool special = codes.absent != 0;
        return answer(style, codes.absent, "OK", special ? "absent" : "ok",
                      fmt::format("{} rules, none has a process and none needs one", view.rules.size()));
    }
    const auto pending = std::ranges::count(view.rules, RuleState::pending, &RuleView::state);
    const auto waiting = pending == 0 ? std::string{} : fmt::format(", {} not judged yet", pending);
    return answer(style, 0, "OK", "ok", fmt::format("{} rules{}", view.rules.size(), waiting));
}

} // namespace

std::string_view name_of(HealthStyle style) {
    return std::ranges::find(styles, style, &Style::second)->first;
}

std::optional<HealthStyle> health_style_named(std::string_view name) {
    const auto* found = std::ranges::find(styles, name, &Style::first);
    if (found == styles.end()) return std::nullopt;
    return found->second;
}

std::string why_not_well(const RuleView& rule) {
    auto text = rule.reason.empty() ? std::string{name_of(rule.state)} : rule.reason;
    if (rule.findings.empty()) return text;
    const auto& first = rule.findings.front();
    if (!text.contains(first.reason)) text += fmt::format(", {}: {}", name_of(first.kind), first.reason);
    if (rule.findings.size() > 1) text += fmt::format(" (and {} more)", rule.findings.size() - 1);
    return text;
}

Health health_of(const EngineView& view, const std::vector<std::string>& names, HealthStyle style,
                 std::string_view blind) {
    const auto chosen = control::select(view, names);
    if (!chosen) return answer(style, codes_of(style).no_name, "UNKNOWN", "cannot tell", chosen.error().text);
    if (!blind.empty()) return health_unknown(style, blind);
    auto health = judged(*chosen, style);
    if (style == HealthStyle::nagios && !chosen->rules.empty()) health.line += "|" + perfdata(*chosen);
    return health;
}

Health health_unknown(HealthStyle style, std::string_view why) {
    return answer(style, codes_of(style).no_daemon, "UNKNOWN", "cannot tell", why);
}

} // namespace nezuban
