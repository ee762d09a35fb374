// One thread as /proc shows it, a file at a time: each costs, and few threads are worth more than the first.
//
// Reading the system call or the stack takes a lock that the process holds while it executes a program; its files that
// are closed by that may lie on a dead disk: then whoever reads waits for ever. All else takes no such lock.
#pragma once

#include "core/result.hpp"
#include "core/wait.hpp"
#include "io/proc_files.hpp"
#include "io/proc_stat.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nezuban {

// Absent: there is no such task any more. An error: it can't be told.
[[nodiscard]] Result<std::optional<ProcStat>> read_stat(ProcFolder& folder, const char* file);

class ProcThread {
public:
    // tasks: /proc/PID/task; both outlive this.
    ProcThread(ProcFolder& tasks, std::uint32_t tid) : tasks_(tasks), tid_(tid) {}

    // Absent: it is gone.
    [[nodiscard]] Result<std::optional<ProcStat>> stat();

    // Each fills in what it can: who may not read it, or comes too late, leaves it as it was.
    void add_stat(const ProcStat& stat, ThreadWait& wait) const;
    // Tracer, namespace, and how often it has switched. False: it isn't known how often.
    bool add_status(ThreadWait& wait);
    void add_syscall(ThreadWait& wait); // may block
    void add_stack(ThreadWait& wait);   // may block

    // The function of the kernel in which it waits. Empty: nobody says.
    [[nodiscard]] std::string wchan();

private:
    [[nodiscard]] std::string_view text(const char* file);

    ProcFolder& tasks_;
    std::uint32_t tid_;
};

// Reads what is left to be read, if it is still the same thread. May block.
void read_rest(ThreadWait& wait);

// "202 0x7f... 0x80 ... sp pc" as in /proc/TID/syscall. Absent: it is in none, or running.
[[nodiscard]] std::optional<Syscall> parse_syscall(std::string_view text);
// "[<0>] futex_wait+0x7a/0x120\n" a line, as in /proc/TID/stack; becomes "futex_wait+0x7a".
[[nodiscard]] std::vector<std::string> parse_stack(std::string_view text);

} // namespace nezuban
