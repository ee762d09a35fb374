// What a wait scan can't see: which lock a thread waits for and who holds it, what lies behind a descriptor, on which
// device a thread in D waits, the whole name of a kernel thread there, the names of what is on a kernel stack; and what
// the scan left to be read. May
// block, so this runs in the examiner (or in `explain`).
#pragma once

#include "app/stack_devices.hpp"
#include "core/wait.hpp"
#include "io/kernel_symbols.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace nezuban {

// Of a thread only what is needed for that: process and thread ids, namespace, system call; whether it is in D, since
// how many switches and for how long; what is left to be read; and its kernel stack, if that has no names yet.
struct Question {
    std::uint32_t index = 0; // in WaitScan::threads
    ThreadWait thread;
};

struct Answer {
    std::uint32_t index = 0;
    std::optional<LockWait> lock;
    std::string object;
    std::string device;
    std::string comm;                      // empty: nothing new
    std::vector<std::string> kernel_stack; // likewise
    std::optional<Syscall> syscall;        // likewise
};

void put_answer(Answer answer, WaitScan& scan);

// Those that were told for the case that they wait for a lock, and don't. Once all answers are in: they go by index.
void drop_lockless(WaitScan& scan);

// True when there is something to be found out about it.
[[nodiscard]] bool worth_a_look(const ThreadWait& thread);

struct Examination {
    std::function<void(std::uint32_t pid)> before; // each process is looked at; all of its threads follow
    std::function<void(Answer)> found;             // of those of which something was found out
    // Known from earlier examinations; null: there were none.
    StackDevices* devices = nullptr;
    KernelStacks* stacks = nullptr;
};
void examine(std::vector<Question> questions, const Examination& to);

[[nodiscard]] FileBeat look_at_beat(const std::string& path);

} // namespace nezuban
