#include "control/render.hpp"
#include "control/select.hpp"

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

} // namespace nezuban
