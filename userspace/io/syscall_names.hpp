// System calls in words: what a thread asked the kernel for when it went to sleep.
#pragma once

#include "core/wait.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace nezuban {

// "futex"; empty for a number that this machine's libseccomp doesn't know. compat: of a 32-bit program.
[[nodiscard]] std::string syscall_name(std::int64_t number, bool compat = false);

// Its arguments for people, decoded where that is worth it ("fd 3", "FUTEX_WAIT", "no timeout"), else in hex; as many
// as the call takes, for calls that are not known all six. Of 32-bit programs always in hex.
[[nodiscard]] std::vector<std::string> syscall_words(const Syscall& syscall);

} // namespace nezuban
