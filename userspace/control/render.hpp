// The answer to `status`, for machines and for people.
#pragma once

#include "control/daemon_view.hpp"
#include "control/protocol.hpp"
#include "core/view.hpp"

#include <string>
#include <vector>

namespace nezuban {

// One JSON object, on one line and without a newline.
[[nodiscard]] std::string status_json(const EngineView& view, const DaemonView& daemon);

// A line for the daemon, then an aligned table with one line a rule, then one line a group.
[[nodiscard]] std::vector<std::string> status_text(const EngineView& view, const DaemonView& daemon);

// The whole answer, ready to be sent: the daemon's side of `status`.
[[nodiscard]] Response answer_status(const EngineView& view, const DaemonView& daemon,
                                     const std::vector<std::string>& names);

} // namespace nezuban
