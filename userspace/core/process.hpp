// What is known of one process: a value.
#pragma once

#include "core/identity.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace nezuban {

// Null: not known (yet). Shared, because a child has its parent's program and arguments until it execs:
// 20,000 copies of one filter hold one string.
using Text = std::shared_ptr<const std::string>;

struct Process {
    Identity id;
    std::uint32_t ppid = 0;
    std::uint32_t uid = 0; // effective
    std::uint32_t gid = 0; // effective
    bool kernel_thread = false;
    std::uint64_t cgroup_key = 0; // equal keys: equal cgroup paths; 0: not known
    std::string comm;             // at most 15 bytes
    Text name;                    // of a kernel thread: all of it, where comm may not be
    Text exe;                     // path of the program, without " (deleted)"
    Text args;                    // as /proc/PID/cmdline: each argument ended by NUL
    Text cgroups;                 // its paths in all hierarchies, one a line

    [[nodiscard]] const std::string& shown_name() const {
        return name ? *name : comm;
    }
    // Of a kernel worker comm lacks what it works on (since 4.18), of other kernel threads what doesn't fit (5.17).
    [[nodiscard]] bool may_have_longer_name() const {
        constexpr std::size_t longest_comm = 15;
        return kernel_thread && (comm.size() >= longest_comm || comm.starts_with("kworker/"));
    }
};

// What a rule may have to know beyond what the kernel's task list tells, each costing a read of /proc.
struct Needs {
    bool exe = false;
    bool args = false;
    bool cgroups = false;
    bool name = false; // of a kernel thread

    friend bool operator==(const Needs&, const Needs&) = default;
};

// How a process ended.
struct Cause {
    int exit_code = 0; // meaningful when signal is 0
    int signal = 0;    // 0: it exited by itself
    bool core = false;
    bool oom = false;             // chosen by the OOM killer
    bool known = false;           // false: it was found gone, nobody saw how
    std::uint32_t sender_pid = 0; // 0: no sender seen
    std::uint32_t sender_uid = 0;
    int sender_signal = 0;
    std::string sender_comm;

    friend bool operator==(const Cause&, const Cause&) = default;
};

} // namespace nezuban
