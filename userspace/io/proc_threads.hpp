// Threads as /proc shows them, for processes that the kernel hides from BPF: on hardened hosts that is PID 1.
#pragma once

#include "core/wait.hpp"

#include <cstdint>
#include <vector>

namespace nezuban {

// Empty: there is no such process. How long a thread is off its processor isn't known here.
[[nodiscard]] std::vector<ThreadWait> read_threads(std::uint32_t pid);

} // namespace nezuban
