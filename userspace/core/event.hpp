// Everything that can happen, as values. The engine sees nothing else.
#pragma once

#include "core/process.hpp"
#include "core/time.hpp"
#include "core/wait.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace nezuban {

// --- from the kernel, in the order in which it happened on one CPU -----------------------------------------

// A new process. exe, args and cgroups are its parent's: the table fills them in.
struct Forked {
    Process child;
    Identity parent;
    // It runs in its parent's memory (vfork, posix_spawn): no copy of the program, but one about to exec.
    bool shares_memory = false;
};

// It runs another program now; exe and args are the new ones.
struct Execed {
    Process process;
    bool args_cut = false; // only their first 4 KiB are known
};

// Its last thread is gone. May come twice, or for somebody never heard of.
struct Exited {
    Identity id;
    Cause cause;
    // When its end was settled: the deadly signal was sent, or, without one, it ended. A large process takes long to
    // end after that. Absent: not known.
    std::optional<Time> fell = {};
};

// Another name, cgroup or owner; exe and args are null unless they were read anew.
struct Changed {
    Process process;
};

// --- from the kernel's own task list: attach, iterate, merge ------------------------------------------------

struct SnapshotBegan {};

struct SnapshotTask {
    Process process;
    bool dying = false;  // no living thread is left ...
    bool zombie = false; // ... and its exit was told before this snapshot reached it
};

// What was in the table before SnapshotBegan and not in between is gone.
struct SnapshotEnded {
    bool complete = true; // false: the reading broke off, and nothing may be concluded from absence
};

// Records that found the ring full, by kind (fork, exec, exit, change), since the last such event.
struct EventsLost {
    std::array<std::uint64_t, 4> by_kind{};
    std::uint64_t of_unknown_kind = 0; // of the process connector, which doesn't tell
    std::uint64_t skipped = 0;         // runs of our programs that the kernel left out; these found no full ring

    [[nodiscard]] std::uint64_t total() const {
        return by_kind[0] + by_kind[1] + by_kind[2] + by_kind[3] + of_unknown_kind + skipped;
    }
};

// --- who does not move ------------------------------------------------------------------------------------------

// A wait scan, with everything that could be found out about what it saw. Shared: it may be large.
struct WaitsSeen {
    std::shared_ptr<const WaitScan> scan;
};

// Back on a processor: a followed thread, or (tid 0) a process watched for silence, after a stall past its threshold.
struct Stalled {
    Identity process;
    std::uint32_t tid = 0;
    Duration off_cpu{};
};

// WATCHDOG=1 in the manner of sd_notify; the kernel vouches for the sender.
struct Beat {
    std::uint32_t pid = 0;
};

// --- results of what the engine asked for ---------------------------------------------------------------------

using CommandId = std::uint64_t;

struct CommandStarted {
    CommandId id = 0;
    std::uint32_t pid = 0;
};

struct CommandEnded {
    CommandId id = 0;
    int exit_code = 0; // meaningful when the others say nothing
    int signal = 0;
    bool timed_out = false; // it was ended by us
    std::string error;      // it could not be started: why
};

// The answer to Probe.
struct Probed {
    CommandId id = 0;
    std::string error; // why it isn't ready; empty: it is
};

// The answer to Signal. error is an errno: 0 delivered, ESRCH nobody of that identity is left.
struct SignalSent {
    Identity id;
    int signal = 0;
    int error = 0;
    bool for_want = false; // not of rights, but of descriptors or memory of ours: it may be possible later
};

using Event = std::variant<Forked, Execed, Exited, Changed, SnapshotBegan, SnapshotTask, SnapshotEnded, EventsLost,
                           WaitsSeen, Stalled, Beat, CommandStarted, CommandEnded, SignalSent, Probed>;

} // namespace nezuban
