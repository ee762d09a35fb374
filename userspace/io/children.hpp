// Children and their output.
#pragma once

#include "core/result.hpp"
#include "io/fd.hpp"

#include <cstdint>
#include <functional>
#include <optional>

namespace nezuban {

struct ChildEnd {
    int exit_code = 0;
    int signal = 0; // 0: it exited by itself
};

// How a child ended; it stays a zombie, so its pid and its process group can't become somebody else's. Absent: it runs.
// A pid that is no child of ours is reported as ended with exit code -1.
[[nodiscard]] std::optional<ChildEnd> look_at_child(std::uint32_t pid);

// Lets the zombie go.
void reap_child(std::uint32_t pid);

// Lets go the zombies that nobody here has started: a daemon that is PID 1 or a subreaper gets orphans. Those that are
// `known` are left alone, and hide those that ended after them. At most 1,000 at once. False: there may be more.
bool reap_strays(const std::function<bool(std::uint32_t pid)>& known);

// To the whole process group of this unreaped child of ours; to itself alone while it hasn't got one yet.
void signal_group(std::uint32_t pid, int signal);

// Where a command's output goes.
struct OutputPipe {
    Fd ours;   // to read, non-blocking
    Fd theirs; // for the command's standard output and error
};
[[nodiscard]] Result<OutputPipe> output_pipe();

} // namespace nezuban
