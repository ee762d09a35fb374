// Looks that may block for as long as a dead disk pleases: another program's memory, files, descriptors. Only to be
// called where that hurts nobody: in the examiner's process, or in a child of `explain`.
#pragma once

#include "core/identity.hpp"
#include "core/time.hpp"
#include "core/wait.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace nezuban {

// size bytes (at most 64) of a process' memory.
struct MemoryWish {
    std::uint32_t pid = 0;
    std::uint64_t address = 0;
    std::uint32_t size = 0;
};
// Empty: it could not be read. As many as wishes, in their order. Wishes for one process are read with one call.
[[nodiscard]] std::vector<std::string> read_memory(std::span<const MemoryWish> wishes);

// What is behind a descriptor: "/mnt/x/file on /dev/loop0 (7:0)", "pipe:[4711]", "socket 127.0.0.1:25
// <- 10.0.0.7:4411", "epoll", ... Empty: it could not be found out.
[[nodiscard]] std::string describe_descriptor(std::uint32_t pid, int fd);

// What was found on the stack of a thread of this process, with where it is mounted, seen from here or else from there:
// "loop0 (7:0), ext4 on /export", "server:/export (0:45), nfs4 on /mnt". Empty: no device, and mounted nowhere.
[[nodiscard]] std::string describe_device(const StackDevice& device, std::uint32_t pid);

// When a file was last modified.
struct Touched {
    std::optional<WallTime> when;
    std::string error;
};
[[nodiscard]] Touched last_touched(const std::string& path);

} // namespace nezuban
