// What systemd wants to know of a service of Type=notify(-reload). Without systemd all of this is silent; nothing here
// waits for it.
#pragma once

#include "core/time.hpp"

#include <optional>
#include <string>

namespace nezuban {

// False: its queue is full, and it has to be told again.
[[nodiscard]] bool tell_ready(const std::string& status);
void tell_reloading(Time now); // followed by tell_ready
void tell_stopping();
void tell_status(const std::string& status);
void tell_alive(); // the watchdog's beat

// How often it wants to hear that (half of WatchdogSec). Absent: never.
[[nodiscard]] std::optional<Duration> watchdog_interval();

} // namespace nezuban
