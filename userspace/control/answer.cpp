#include "control/health.hpp"
#include "control/render.hpp"
#include "control/select.hpp"

#include <nlohmann/json.hpp>

namespace nezuban {

Response answer_status(const EngineView& view, const DaemonView& daemon, const std::vector<std::string>& names) {
    const auto chosen = control::select(view, names);
    if (!chosen) return refusal(chosen.error().text);
    return {.ok = true,
            .error = {},
            .exit_code = 0,
            .json = status_json(*chosen, daemon),
            .lines = status_text(*chosen, daemon)};
}

// Always ok: that the question was answered, and the answer is the exit code.
Response answer_health(const EngineView& view, const DaemonView& daemon, const std::vector<std::string>& names,
                       HealthStyle style) {
    const auto health = health_of(view, names, style, daemon.blind);
    const nlohmann::ordered_json json{
        {"style", name_of(style)}, {"exit_code", health.exit_code}, {"line", health.line}};
    return {.ok = true,
            .error = {},
            .exit_code = health.exit_code,
            .json = json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace),
            .lines = {health.line}};
}

} // namespace nezuban
