// Signals that can't reach the wrong process.
#pragma once

#include "core/identity.hpp"

namespace nezuban {

// Through a pidfd, and only if the process is the one of that start time (as exactly as /proc tells it: a clock tick,
// 10 ms). Never to a kernel thread. Returns an errno: 0 delivered, ESRCH nobody of that identity is left, EPERM not
// allowed. Takes about 10 µs.
[[nodiscard]] int signal_process(Identity id, int signal);

} // namespace nezuban
