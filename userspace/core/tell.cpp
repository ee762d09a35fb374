#include "core/tell.hpp"

#include "core/event.hpp"
#include "core/signal_names.hpp"

#include <chrono>

#include <fmt/format.h>

namespace nezuban {

std::string tell(const Cause& cause) {
    if (!cause.known) return "is gone, nobody saw how";
    std::string text;
    if (cause.signal != 0) {
        text = fmt::format("was killed by {}{}", signal_name(cause.signal), cause.core ? " (core dumped)" : "");
    } else {
        text = fmt::format("exited with code {}", cause.exit_code);
    }
    if (cause.oom) return text + ", chosen by the OOM killer";
    if (cause.sender_pid == 0) return text;
    if (cause.sender_signal == cause.signal)
        return fmt::format("{}, sent by {} (pid {}, uid {})", text, cause.sender_comm, cause.sender_pid,
                           cause.sender_uid);
    return fmt::format("{} after {} from {} (pid {}, uid {})", text, signal_name(cause.sender_signal),
                       cause.sender_comm, cause.sender_pid, cause.sender_uid);
}

std::string tell(Duration duration) {
    const double seconds = seconds_of(duration);
    if (seconds < 1.0) return fmt::format("{:.0f} ms", seconds * 1000.0);
    if (seconds < 120.0) return fmt::format("{:.1f} s", seconds);
    if (seconds < 7200.0) return fmt::format("{:.0f} min", seconds / 60.0);
    return fmt::format("{:.1f} h", seconds / 3600.0);
}

std::string tell_under(std::uint32_t count, std::uint32_t min) {
    return fmt::format("{} running, at least {} wanted", count, min);
}

std::string tell_over(std::uint32_t count, std::uint32_t max) {
    return fmt::format("{} running, at most {} allowed", count, max);
}

std::string tell(const CommandEnded& ended) {
    if (!ended.error.empty()) return "could not be started: " + ended.error;
    if (ended.timed_out) return "took too long and was ended";
    if (ended.signal != 0) return "was killed by " + signal_name(ended.signal);
    return fmt::format("exited with code {}", ended.exit_code);
}

} // namespace nezuban
