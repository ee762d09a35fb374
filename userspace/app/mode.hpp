// What each way of seeing processes costs, and what it can't see.
#pragma once

#include "core/time.hpp"
#include "probe/features.hpp"

#include <string>
#include <vector>

namespace nezuban {

// What is not done, or done otherwise than by BPF: sentences for an operator. None where BPF is used.
[[nodiscard]] std::vector<std::string> missing_in(Mode mode);

// From the end of one comparison with the list of processes to the next, given what it costs. every: daemon.reconcile.
[[nodiscard]] Duration next_comparison_after(Mode mode, Duration every, Duration cost);

} // namespace nezuban
