// One process looked at in the kernel: the only way in which stall tracking touches what is kept of it there.
#pragma once

#include "core/result.hpp"

#include <nezuban/stalls.h>

namespace nezuban {

// Runs the program (an iterator, by its descriptor) over all threads of the process that is asked for; mailbox is where
// it finds the question and leaves the answer. About 5 µs. An error: ESRCH when nobody of that identity, or no such
// thread, is there.
[[nodiscard]] Result<nz_visit> visit_threads(int program, const nz_visit& asked, nz_visit& mailbox);

} // namespace nezuban
