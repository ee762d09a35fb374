// What the daemon has published of its health, and whether that still holds. The daemon isn't asked: a reader needs no
// turn of its loop, no place on its socket, and sees at once when there is nobody who could give them.
#pragma once

#include "control/health.hpp"
#include "control/health_text.hpp"
#include "core/result.hpp"
#include "core/time.hpp"
#include "io/process_state.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nezuban {

// The daemon turns twice a second. A beat that is older than this is waited for.
inline constexpr Duration beat_holds = std::chrono::milliseconds{1200};

// Beside the control socket: /run/nezuban/control.health.
[[nodiscard]] std::string health_path(const std::string& socket);

// Why what was published no longer holds; empty: it does. wait: the next moment may show that it does after all.
struct Doubt {
    std::string why;
    bool wait = false;
};

// now: of the monotonic clock. writer: absent when there is no such process. started: the writer's, as it says.
[[nodiscard]] Doubt doubt_about(const std::optional<ProcessState>& writer, std::uint64_t started, Time beat, Time now);

// One look. Error::number is EAGAIN when another one is worth it.
[[nodiscard]] Result<HealthText> look_at_health(const std::string& path);

// Looks until the daemon is seen to be alive, it is certain that it isn't, or the deadline has come.
[[nodiscard]] Health read_health(const std::string& path, const std::vector<std::string>& names, HealthStyle style,
                                 Time deadline);

} // namespace nezuban
