// What /proc tells of one process beside its threads.
#pragma once

#include "core/surroundings.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nezuban {

// From /proc/TID/status, which never waits for anybody.
struct ProcessStatus {
    std::uint32_t pid = 0; // the process, whatever thread of it tid is
    std::uint32_t ppid = 0;
    std::uint32_t uid = 0; // effective
    std::uint32_t gid = 0;
    std::string comm; // of that thread
    bool kernel_thread = false;
};
// Absent: nobody has this tid.
[[nodiscard]] std::optional<ProcessStatus> process_status(std::uint32_t tid);
// Of the text of that file, up to the groups. Absent: it tells of nobody.
[[nodiscard]] std::optional<ProcessStatus> parse_process_status(std::string_view text);

// pid: of a process. May block: its command line lies in its memory.
[[nodiscard]] Surroundings read_surroundings(std::uint32_t pid);

} // namespace nezuban
