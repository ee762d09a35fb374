// An incident for programs and for people.
#pragma once

#include "core/incident.hpp"
#include "core/time.hpp"

#include <string>

namespace nezuban {

// One line without its end, of the shape that `events --json` promises:
// {"time", "rule", "group", "event", "pid", "reason", "cause", "attempt", "count", "evidence"}.
[[nodiscard]] std::string to_json(const Incident& incident, const ClockPair& clocks);

// One line without its end and without the time: "scanner: exit: process 10 was killed ... [pid 10, SIGKILL from ...]".
[[nodiscard]] std::string to_text(const Incident& incident);

} // namespace nezuban
