// The spawner's other side: the process itself, and the language spoken with it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nezuban::zygote {

inline constexpr std::size_t message_limit = 120UL << 10U; // well below the smallest usual socket buffer
inline constexpr std::size_t after_limit = 64;
inline constexpr std::size_t extra_limit = 4;
inline constexpr std::size_t descriptor_limit = 2 + extra_limit; // input, output, extra

// Followed by `after` identities, argc arguments and envc "NAME=value", each string ended by NUL; the descriptors come
// beside it.
struct Request {
    std::uint64_t token = 0;
    std::uint32_t argc = 0;
    std::uint32_t envc = 0;
    std::uint32_t own = 0;
    std::uint32_t guarded = 0;
    std::uint32_t after = 0;
    std::uint32_t reserved = 0;
};

struct Reply {
    std::uint64_t token = 0;
    std::uint32_t pid = 0;
    std::int32_t error = 0;
};

// Serves the socket until its other end is closed; never returns.
[[noreturn]] void serve(int socket);

} // namespace nezuban::zygote
