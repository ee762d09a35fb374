// Findings as JSON: in `status`, in `explain`, and read back from a daemon's answer.
#pragma once

#include "core/finding.hpp"
#include "core/time.hpp"

#include <optional>

#include <nlohmann/json_fwd.hpp>

namespace nezuban {

// {"kind", "pid", "tid", "since": RFC 3339, "reason", "evidence": {}}; tid is null when it is about the whole process.
[[nodiscard]] nlohmann::ordered_json finding_json(const Finding& finding, const ClockPair& clocks);

// What finding_json has written; absent for anything else. Key and start time of the process don't come back.
[[nodiscard]] std::optional<Finding> finding_from(const nlohmann::ordered_json& json, const ClockPair& clocks);

} // namespace nezuban
