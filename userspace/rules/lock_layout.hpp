// What the memory around a futex word says about who holds the lock. Pure: bytes in, a guess-free answer out; what
// can't be proven is `unknown`.
#pragma once

#include "core/wait.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace nezuban {

// The bytes to read for a wait in this system call: absent when it is none that could be for a lock.
struct LockBytes {
    std::uint64_t address = 0; // of the first byte
    std::uint32_t size = 0;
};
[[nodiscard]] std::optional<LockBytes> lock_bytes_of(const ThreadWait& wait);

// When those can't be read, because a page beside the lock is missing: what a mutex alone needs.
[[nodiscard]] LockBytes fewer_lock_bytes(const LockBytes& bytes);

// tid as the waiting program knows it -> the thread, with its process. Absent: nobody has it.
struct Owner {
    std::uint32_t tid = 0; // in the initial pid namespace
    std::uint32_t pid = 0;
};
using FindOwner = std::function<std::optional<Owner>(std::uint32_t tid_in_namespace)>;

// bytes: what lock_bytes_of asked for, or fewer_lock_bytes.
[[nodiscard]] LockWait lock_of(const ThreadWait& wait, std::string_view bytes, const FindOwner& find_owner);

} // namespace nezuban
