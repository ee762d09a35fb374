// One process looked at in the kernel: the only way in which stall tracking touches what is kept of it there.
#pragma once

#include "core/result.hpp"

#include <cstdint>
#include <functional>

#include <nezuban/stalls.h>

namespace nezuban {

// Runs a program over all threads of a process; what it was asked, and what it answers, is in its mailbox.
using Walk = std::function<Result<void>(std::uint32_t pid)>;

// An iterator over one process (since 6.1), by its descriptor. About 5 µs.
[[nodiscard]] Walk walk_by_iterator(int program);
// A program that walks by itself, some threads at a time, for as long as it leaves in `next` where to go on.
[[nodiscard]] Walk walk_by_program(int program, const std::uint32_t& next);

// An error: ESRCH when nobody of that identity, or no such thread, is there.
[[nodiscard]] Result<nz_visit> visit_threads(const Walk& walk, const nz_visit& asked, nz_visit& mailbox);

} // namespace nezuban
