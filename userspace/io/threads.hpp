// Threads as /proc shows them. For the examiner: a look at a foreign process costs, and may take its time.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace nezuban {

// The process that this thread belongs to. Absent: it is gone, or dead and only not let go.
[[nodiscard]] std::optional<std::uint32_t> process_of(std::uint32_t tid);

// Its living threads: tid in its own pid namespace, tid here.
[[nodiscard]] std::vector<std::pair<std::uint32_t, std::uint32_t>> threads_of(std::uint32_t pid);

// The inode of the pid namespace in whose numbers /proc speaks. 0: unknown.
[[nodiscard]] std::uint64_t own_pid_namespace();

} // namespace nezuban
