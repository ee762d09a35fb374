#include "control/health_text.hpp"

#include "control/health.hpp"
#include "core/words.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace nezuban {

namespace {

constexpr std::size_t sentence_max = 300; // bytes
constexpr std::size_t fields_max = 128;   // of a line of figures: keyword, state, numbers

constexpr std::array states{RuleState::ok,   RuleState::pending,    RuleState::under,     RuleState::over,
                            RuleState::hung, RuleState::restarting, RuleState::exhausted, RuleState::paused};

// One field of one line.
std::string field(std::string_view text, std::size_t most = sentence_max) {
    const bool cut = text.size() > most;
    if (cut) {
        constexpr std::size_t dots = 3;
        most -= dots;
    }
    const auto result = harmless(beginning(text, most), ' ');
    return cut ? result + "..." : result;
}

std::string_view mark_of(const RuleView& rule) {
    if (rule.failed) return "failed";
    return rule.mending ? "mending" : "-";
}

class Fields {
public:
    explicit Fields(std::string_view line) : rest_(line) {}

    std::optional<std::string_view> next() {
        if (over_) return std::nullopt;
        const auto end = rest_.find('\t');
        const auto word = rest_.substr(0, end);
        over_ = end == std::string_view::npos;
        if (!over_) rest_.remove_prefix(end + 1);
        return word;
    }
    std::string text() {
        return std::string{next().value_or("")};
    }
    bool number(std::uint32_t& into) {
        const auto word = next().value_or("");
        const auto [stopped, error] = std::from_chars(word.begin(), word.end(), into);
        return error == std::errc() && stopped == word.end();
    }
    bool state(RuleState& into) {
        const auto word = next().value_or("");
        const auto* found = std::ranges::find(states, word, [](RuleState state) { return name_of(state); });
        if (found == states.end()) return false;
        into = *found;
        return true;
    }

private:
    std::string_view rest_;
    bool over_ = false;
};

std::optional<RuleView> parse_rule(Fields fields) {
    RuleView rule;
    rule.name = fields.text();
    if (!fields.state(rule.state) || !fields.number(rule.count) || !fields.number(rule.min)) return std::nullopt;
    auto limits = fields;
    if (fields.next() != "-" && !limits.number(rule.max.emplace())) return std::nullopt;
    const auto mark = fields.next().value_or("");
    if (mark != "failed" && mark != "mending" && mark != "-") return std::nullopt;
    rule.failed = mark == "failed";
    rule.mending = mark == "mending";
    rule.reason = fields.text();
    return rule;
}

std::optional<GroupView> parse_group(Fields fields) {
    GroupView group;
    group.name = fields.text();
    if (!fields.state(group.state)) return std::nullopt;
    while (const auto member = fields.next())
        group.members.emplace_back(*member);
    return group;
}

} // namespace

std::string to_text(const HealthText& health) {
    std::string text;
    const auto out = std::back_inserter(text);
    fmt::format_to(out, "config\t{}\n", field(health.config, health.config.size()));
    if (!health.blind.empty()) fmt::format_to(out, "blind\t{}\n", field(health.blind));
    if (!health.ended.empty()) fmt::format_to(out, "ended\t{}\n", field(health.ended));
    for (const auto& rule : health.view.rules) {
        const auto max = rule.max ? fmt::format("{}", *rule.max) : std::string{"-"};
        const bool well = rule.reason.empty() && rule.findings.empty();
        fmt::format_to(out, "rule\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", rule.name, name_of(rule.state), rule.count, rule.min,
                       max, mark_of(rule), well ? std::string{} : field(why_not_well(rule)));
    }
    for (const auto& group : health.view.groups) {
        fmt::format_to(out, "group\t{}\t{}", group.name, name_of(group.state));
        for (const auto& member : group.members)
            fmt::format_to(out, "\t{}", member);
        text += '\n';
    }
    return text + "end\n";
}

std::size_t longest_text(const HealthText& health) {
    std::size_t size = health.config.size() + 3 * (fields_max + sentence_max);
    for (const auto& rule : health.view.rules)
        size += rule.name.size() + fields_max + sentence_max;
    for (const auto& group : health.view.groups) {
        size += group.name.size() + fields_max;
        for (const auto& member : group.members)
            size += member.size() + 1;
    }
    return size;
}

Result<HealthText> parse_health_text(std::string_view text) {
    HealthText health;
    while (!text.empty()) {
        const auto end = text.find('\n');
        if (end == std::string_view::npos) break;
        Fields fields(text.substr(0, end));
        text.remove_prefix(end + 1);
        const auto kind = fields.next().value_or("");
        if (kind == "end") return health;
        if (kind == "config") health.config = fields.text();
        if (kind == "blind") health.blind = fields.text();
        if (kind == "ended") health.ended = fields.text();
        if (kind == "rule") {
            auto rule = parse_rule(fields);
            if (!rule) return fail("a rule of the health page can't be read");
            health.view.rules.push_back(std::move(*rule));
        }
        if (kind == "group") {
            auto group = parse_group(fields);
            if (!group) return fail("a group of the health page can't be read");
            health.view.groups.push_back(std::move(*group));
        }
    }
    return fail("the health page has no end");
}

} // namespace nezuban
