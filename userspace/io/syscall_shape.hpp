// What the arguments of system calls are.
#pragma once

#include "core/wait.hpp"

#include <optional>

namespace nezuban {

// The descriptor on which this call works. Absent: on none, on several, or it is a call we don't know.
[[nodiscard]] std::optional<int> descriptor_of(const Syscall& syscall);

// A wait in futex with a value that only locks wait for: the condition variables and semaphores of glibc wait for a 0
// to change, its locks never. As bpf/waits.bpf.c has it.
[[nodiscard]] bool may_wait_for_lock(const Syscall& syscall);

} // namespace nezuban
