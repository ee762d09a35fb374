#include "core/incident.hpp"

#include <algorithm>
#include <array>

namespace nezuban {

namespace {

struct Row {
    Happening happening;
    std::string_view name;
    Severity severity;
};

constexpr std::array rows{
    Row{Happening::exit, "exit", Severity::warning},
    Row{Happening::under, "under", Severity::error},
    Row{Happening::over, "over", Severity::error},
    Row{Happening::hang, "hang", Severity::error},
    Row{Happening::recovered, "recovered", Severity::info},
    Row{Happening::restart, "restart", Severity::warning},
    Row{Happening::restart_failed, "restart_failed", Severity::error},
    Row{Happening::restart_resumed, "restart_resumed", Severity::warning},
    Row{Happening::escalated, "escalated", Severity::error},
    Row{Happening::command_failed, "command_failed", Severity::warning},
    Row{Happening::stopped_excess, "stopped_excess", Severity::warning},
    Row{Happening::lost_events, "lost_events", Severity::warning},
    Row{Happening::resync, "resync", Severity::info},
    Row{Happening::daemon_start, "daemon_start", Severity::info},
    Row{Happening::daemon_stop, "daemon_stop", Severity::info},
    Row{Happening::paused, "paused", Severity::info},
    Row{Happening::resumed, "resumed", Severity::info},
    Row{Happening::reset, "reset", Severity::info},
    Row{Happening::reloaded, "reloaded", Severity::info},
};

const Row& row_of(Happening happening) {
    return *std::ranges::find(rows, happening, &Row::happening);
}

} // namespace

std::string_view name_of(Happening happening) {
    return row_of(happening).name;
}

std::optional<Happening> happening_named(std::string_view name) {
    const auto* found = std::ranges::find(rows, name, &Row::name);
    if (found == rows.end()) return std::nullopt;
    return found->happening;
}

Severity severity_of(Happening happening) {
    return row_of(happening).severity;
}

} // namespace nezuban
