// What the arguments of system calls are.
#pragma once

#include "core/wait.hpp"

#include <optional>

namespace nezuban {

// The descriptor on which this call works. Absent: on none, on several, or it is a call we don't know.
[[nodiscard]] std::optional<int> descriptor_of(const Syscall& syscall);

} // namespace nezuban
