// Whether a process still is who it was, and able to run.
#pragma once

#include "core/time.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace nezuban {

struct ProcessState {
    char letter = 0;           // as ps shows it: R S D T t Z X I
    std::uint64_t started = 0; // in clock ticks since boot: with the pid, an identity
    bool kernel_thread = false;

    [[nodiscard]] bool alive() const {
        return letter != 'Z' && letter != 'X' && letter != 'x';
    }
};

// Absent: there is no such process, or /proc doesn't show it to us.
[[nodiscard]] std::optional<ProcessState> read_process_state(std::uint32_t pid);

// How long ago this process was forked, to a hundredth of a second; zero when that can't be found out.
[[nodiscard]] Duration own_age();

// Of the text of /proc/PID/stat.
[[nodiscard]] std::optional<ProcessState> process_state_in(std::string_view stat);

} // namespace nezuban
