// A process as /proc shows it, in the words of the kernel's own list. Nothing here takes a lock that a process may hold
// for long: not that of its memory, for which /proc/PID/cmdline waits.
#pragma once

#include "core/event.hpp"
#include "core/result.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace nezuban {

struct ProcTask {
    SnapshotTask told;
    bool executed = true; // since its fork
};

// Absent: there is no such process. An error says that it can't be told whether there is one: nothing may be concluded
// from it. Start times are those of /proc, in whole clock ticks. 20 µs.
[[nodiscard]] Result<std::optional<ProcTask>> read_task(std::uint32_t pid);

enum class Remains {
    nothing, // of this identity: it is gone, or its last thread is on its way out
    threads, // but not its leader
    leader,
};
// 6 µs, more when threads have to be looked through.
[[nodiscard]] Result<Remains> what_remains(const Identity& id);

// It runs in its parent's memory (vfork, posix_spawn) and has executed nothing yet. False, too, when the kernel can't
// compare (no CONFIG_KCMP).
[[nodiscard]] bool borrows_memory(const ProcTask& child, std::uint32_t parent);

// comm out of what /proc shows: of kernel threads that is more.
[[nodiscard]] std::string_view comm_of(std::string_view shown, bool kernel_thread);

} // namespace nezuban
