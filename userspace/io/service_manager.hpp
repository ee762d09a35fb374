// What systemd wants to know of a service of Type=notify(-reload). Without systemd all of this is silent; nothing here
// waits for it.
#pragma once

#include "core/time.hpp"
#include "io/fd.hpp"

#include <optional>
#include <string>

namespace nezuban {

class ServiceManager {
public:
    // The one that the environment names. Its socket is kept: a beat must not want for a descriptor.
    ServiceManager();

    // False: its queue is full, and it has to be told again.
    [[nodiscard]] bool tell_ready(const std::string& status);
    void tell_reloading(Time now); // followed by tell_ready
    void tell_stopping();
    void tell_status(const std::string& status);
    [[nodiscard]] bool tell_alive(); // the watchdog's beat; false as above

private:
    bool tell(const std::string& state);

    std::string address_; // with a NUL before an abstract one; empty: there is nobody
    Fd socket_;
};

// How often it wants to hear that its service lives (half of WatchdogSec). Absent: never.
[[nodiscard]] std::optional<Duration> watchdog_interval();

} // namespace nezuban
