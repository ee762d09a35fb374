// What /proc/PID/stat and /proc/PID/task/TID/stat tell of one task.
#pragma once

#include "core/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nezuban {

struct ProcStat {
    std::uint32_t id = 0; // pid or tid
    std::string comm;
    char state = 0; // as ps shows it: R S D T t Z X I
    std::uint32_t ppid = 0;
    std::uint64_t flags = 0; // PF_*
    std::uint64_t user_ticks = 0;
    std::uint64_t system_ticks = 0;
    std::uint32_t threads = 0; // of the process, with those of its dead that nobody has waited for
    std::uint64_t start_ticks = 0;
    std::uint64_t code = 0; // where its program is; 1 where that is hidden
    std::uint64_t environment_begin = 0;
    std::uint64_t environment_end = 0;

    [[nodiscard]] bool dead() const {
        return state == 'Z' || state == 'X' || state == 'x';
    }
    // On its way out, or out: it will never run its program again.
    [[nodiscard]] bool ending() const {
        constexpr std::uint64_t exiting = 0x4; // PF_EXITING
        return dead() || (flags & exiting) != 0;
    }
    [[nodiscard]] bool kernel_thread() const {
        constexpr std::uint64_t kthread = 0x200000; // PF_KTHREAD
        return (flags & kthread) != 0;
    }
    // In the middle of an exec: the old program's memory is gone, and arguments and environment of the new one may not
    // be there yet. The kernel says where the code is when all of that is done.
    [[nodiscard]] bool between_programs() const {
        return !ending() && !kernel_thread() && code == 0;
    }
    // Since its fork.
    [[nodiscard]] bool executed() const {
        constexpr std::uint64_t forked_only = 0x40; // PF_FORKNOEXEC
        return (flags & forked_only) == 0;
    }
};

// Absent: not the text of such a file.
[[nodiscard]] std::optional<ProcStat> parse_stat(std::string_view text);

[[nodiscard]] Duration duration_of_ticks(std::uint64_t ticks);

// As in Identity: the start as exactly as /proc tells it.
[[nodiscard]] inline std::uint64_t start_ns(const ProcStat& stat) {
    return static_cast<std::uint64_t>(duration_of_ticks(stat.start_ticks).count());
}

} // namespace nezuban
