// What is told to people, kept in the history and handed to notify commands: every change of state, with its cause.
#pragma once

#include "core/fact.hpp"
#include "core/process.hpp"
#include "core/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nezuban {

// The names are part of the contract: see name_of.
enum class Happening {
    exit,
    under,
    over,
    hang,
    recovered,
    restart,
    restart_failed,
    restart_resumed, // by a daemon that follows one which was ended in the middle of it
    escalated,
    command_failed, // beside a restart: to escalate, against too many, to notify
    stopped_excess,
    lost_events,
    resync,
    daemon_start,
    daemon_stop,
    paused,
    resumed,
    reset,
    reloaded,
};

[[nodiscard]] std::string_view name_of(Happening happening);
[[nodiscard]] std::optional<Happening> happening_named(std::string_view name);

enum class Severity { debug, info, warning, error };
[[nodiscard]] Severity severity_of(Happening happening);

struct Incident {
    Time time;
    Happening happening = Happening::exit;
    std::string rule;      // empty: of the daemon itself
    std::string group;     // empty: none
    std::uint32_t pid = 0; // 0: no single process
    std::string reason;    // one sentence
    std::optional<Cause> cause;
    std::uint32_t attempt = 0;
    std::uint32_t count = 0;
    Facts evidence;
};

} // namespace nezuban
