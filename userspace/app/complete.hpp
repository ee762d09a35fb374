// What a wait scan can't see: which lock a thread waits for and who holds it, and what lies behind a descriptor. May
// block, so this runs in the examiner (or in `explain`).
#pragma once

#include "core/wait.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace nezuban {

// Of a thread only what is needed for that: process and thread ids, namespace, system call.
struct Question {
    std::uint32_t index = 0; // in WaitScan::threads
    ThreadWait thread;
};

struct Answer {
    std::uint32_t index = 0;
    std::optional<LockWait> lock;
    std::string object;
};

// True when there is something to be found out about it.
[[nodiscard]] bool worth_a_look(const ThreadWait& thread);

struct Examination {
    std::function<void(std::uint32_t pid)> before; // each process is looked at; all of its threads follow
    std::function<void(Answer)> found;             // of those of which something was found out
};
void examine(std::vector<Question> questions, const Examination& to);

[[nodiscard]] FileBeat look_at_beat(const std::string& path);

} // namespace nezuban
