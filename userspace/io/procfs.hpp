// What has to be read of a process in /proc, when a rule asks for it. Absent: the process is gone, or may not be read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace nezuban {

// Each argument ended by NUL, at most 4,096 bytes. Empty for kernel threads and zombies. Takes the lock of that
// process' memory, and may wait for ever: for who may (see ArgsReader).
[[nodiscard]] std::optional<std::string> read_args(std::uint32_t pid);

// As ps shows it, at most 63 bytes: of a kernel thread more than its comm, a worker's with what it works on:
// "kworker/u8:2-events_unbound". 2 µs; takes a lock of the kernel for a worker, which is held for moments only.
[[nodiscard]] std::optional<std::string> read_name(std::uint32_t pid);

// Path of the program, without the " (deleted)" of one that was replaced. Absent for kernel threads, too.
[[nodiscard]] std::optional<std::string> read_exe(std::uint32_t pid);

// The cgroup paths in all hierarchies, each once, one a line; "/" only if it is all there is.
[[nodiscard]] std::optional<std::string> read_cgroups(std::uint32_t pid);

// The text of /proc/PID/cgroup as read_cgroups gives it.
[[nodiscard]] std::string cgroup_paths(const std::string& text);

} // namespace nezuban
