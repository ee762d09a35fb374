#include "io/service_manager.hpp"

#include <cstdint>

#include <systemd/sd-daemon.h>

namespace nezuban {

void tell_ready(const std::string& status) {
    sd_notify(0, ("READY=1\nSTATUS=" + status).c_str());
}

void tell_reloading(Time now) {
    const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
    sd_notify(0, ("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds)).c_str());
}

void tell_stopping() {
    sd_notify(0, "STOPPING=1");
}

void tell_status(const std::string& status) {
    sd_notify(0, ("STATUS=" + status).c_str());
}

void tell_alive() {
    sd_notify(0, "WATCHDOG=1");
}

std::optional<Duration> watchdog_interval() {
    std::uint64_t microseconds = 0;
    if (sd_watchdog_enabled(0, &microseconds) <= 0) return std::nullopt;
    return std::chrono::microseconds(microseconds / 2);
}

} // namespace nezuban
