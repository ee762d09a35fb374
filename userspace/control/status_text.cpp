#include "control/render.hpp"
#include "control/wording.hpp"
#include "core/date.hpp"
#include "core/words.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace nezuban {

namespace {

constexpr std::size_t columns = 6;
using Row = std::array<std::string, columns>;

std::string limits(const RuleView& rule) {
    return rule.max ? fmt::format("{}..{}", rule.min, *rule.max) : fmt::format("{}..", rule.min);
}

std::string pids(const RuleView& rule) {
    constexpr std::size_t shown_max = 4;
    const auto shown = std::min(shown_max, rule.pids.size());
    auto text = fmt::format("{}", fmt::join(rule.pids.begin(), rule.pids.begin() + static_cast<long>(shown), " "));
    if (rule.count > shown) text += shown == 0 ? "-" : " ...";
    return text.empty() ? "-" : text;
}

std::string why(const RuleView& rule, Time now) {
    std::vector<std::string> parts;
    if (rule.failed && rule.state != RuleState::exhausted) parts.emplace_back("FAILED");
    if (!rule.reason.empty()) parts.push_back(printable(rule.reason));
    for (std::size_t i = 0; i < rule.out_of_range.size() && i < 3; ++i)
        parts.push_back(fmt::format("{} of {}", rule.out_of_range[i].count, printable(rule.out_of_range[i].value)));
    if (rule.out_of_range.size() > 3) parts.push_back(fmt::format("{} more", rule.out_of_range.size() - 3));
    if (!rule.waits_for.empty()) parts.push_back(fmt::format("waits for {}", fmt::join(rule.waits_for, ", ")));
    if (rule.next_at) parts.push_back(fmt::format("next restart in {}", control::brief(*rule.next_at - now)));
    if (rule.paused_until) parts.push_back(fmt::format("for {} more", control::brief(*rule.paused_until - now)));
    if (rule.stopped_excess > 0) parts.push_back(fmt::format("stopped {} excess", rule.stopped_excess));
    return fmt::format("{}", fmt::join(parts, ", "));
}

Row row_of(const RuleView& rule) {
    const auto restarts =
        rule.attempts == 0 ? std::string{"-"} : fmt::format("{}/{}", rule.attempts_used, rule.attempts);
    return {printable(rule.name),
            std::string{name_of(rule.state)},
            fmt::format("{}", rule.count),
            limits(rule),
            restarts,
            pids(rule)};
}

std::string trimmed(std::string line) {
    line.erase(line.find_last_not_of(' ') + 1);
    return line;
}

// Each finding under its rule; a storm of them must not push the other rules off the screen.
void add_findings(const RuleView& rule, const ClockPair& clocks, std::vector<std::string>& lines) {
    constexpr std::size_t shown_max = 5;
    for (std::size_t i = 0; i < rule.findings.size() && i < shown_max; ++i) {
        const auto& finding = rule.findings[i];
        lines.push_back(fmt::format("  {} since {}Z: {}", name_of(finding.kind),
                                    format_time(clocks.to_wall(finding.since)).substr(0, 19),
                                    printable(finding.reason)));
    }
    if (rule.findings.size() > shown_max)
        lines.push_back(fmt::format("  and {} more findings", rule.findings.size() - shown_max));
}

std::vector<std::string> table(const EngineView& view, const ClockPair& clocks) {
    std::vector<Row> rows{{"RULE", "STATE", "COUNT", "LIMITS", "RESTARTS", "PIDS"}};
    for (const auto& rule : view.rules)
        rows.push_back(row_of(rule));
    std::array<std::size_t, columns> widths{};
    for (const auto& row : rows)
        for (std::size_t i = 0; i < columns; ++i)
            widths[i] = std::max(widths[i], row[i].size());

    std::vector<std::string> lines;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto& row = rows[i];
        lines.push_back(
            trimmed(fmt::format("{:<{}}  {:<{}}  {:>{}}  {:<{}}  {:<{}}  {:<{}}  {}", row[0], widths[0], row[1],
                                widths[1], row[2], widths[2], row[3], widths[3], row[4], widths[4], row[5], widths[5],
                                i == 0 ? "WHY" : why(view.rules[i - 1], clocks.monotonic))));
        if (i > 0) add_findings(view.rules[i - 1], clocks, lines);
    }
    return lines;
}

std::vector<std::string> group_lines(const GroupView& group, const ClockPair& clocks) {
    auto line =
        fmt::format("group {}  {}  {}", printable(group.name), name_of(group.state), fmt::join(group.members, " "));
    if (group.attempts) line += fmt::format("  {}/{} restarts", group.attempts_used, *group.attempts);
    std::vector<std::string> lines{std::move(line)};
    if (group.root_cause.empty() || !group.since) return lines;
    lines.push_back(fmt::format("  {} fell first, {}Z: {}", printable(group.root_cause),
                                format_time(clocks.to_wall(*group.since)).substr(0, 23), printable(group.reason)));
    if (!group.consequences.empty())
        lines.push_back(
            fmt::format("  with it: {}", printable(fmt::format("{}", fmt::join(group.consequences, ", ")))));
    return lines;
}

} // namespace

std::vector<std::string> status_text(const EngineView& view, const DaemonView& daemon) {
    std::vector<std::string> lines;
    lines.push_back(fmt::format("nezuban {}, up {}, {}, {} processes, {} events, {} lost, {} resyncs", daemon.pid,
                                control::brief(daemon.uptime), daemon.mode, view.processes, view.events_received,
                                view.events_lost, view.resyncs));
    if (!daemon.blind.empty()) lines.push_back("BLIND: " + printable(daemon.blind));
    if (!daemon.history_error.empty()) lines.push_back("HISTORY: " + printable(daemon.history_error));
    if (daemon.history_dropped > 0)
        lines.push_back(fmt::format("HISTORY: {} incidents could not be kept", daemon.history_dropped));

    if (view.rules.empty())
        lines.emplace_back("no rules");
    else
        std::ranges::move(table(view, daemon.clocks), std::back_inserter(lines));
    for (const auto& group : view.groups)
        std::ranges::move(group_lines(group, daemon.clocks), std::back_inserter(lines));
    return lines;
}

} // namespace nezuban
