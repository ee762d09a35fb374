// From what was seen to findings, one kind of evidence a file. Pure.
//
// Sleeping is not hanging: each of these demands evidence, and says which. What a rule's `hang.*` does not ask for is
// not looked for.
#pragma once

#include "core/finding.hpp"
#include "core/spec.hpp"
#include "core/wait.hpp"
#include "rules/hang_memory.hpp"
#include "rules/wait_graph.hpp"

#include <optional>
#include <string>
#include <vector>

namespace nezuban {

// What concerns one rule, of one scan.
struct HangScene {
    const HangSpec& spec;
    const HangMemory& memory;
    const WaitGraph& graph;
    Time now;
    std::vector<const SeenThread*> threads; // of its processes
    struct Socket {
        const SeenSocket* seen;
        const SocketQueue* held; // by one of its processes
    };
    std::vector<Socket> sockets;
    std::vector<const Silence*> silences;
};

struct HangFindings {
    std::vector<Finding> found;
    std::vector<const SeenThread*> spinners; // may be: worth counting their system calls
    // When the next one may be found although nothing changes: worth a scan, of the threads or of the sockets.
    std::optional<Time> due;
    std::optional<Time> sockets_due;
};

void find_uninterruptible(const HangScene& scene, HangFindings& out); // hang_uninterruptible.cpp
void find_stopped(const HangScene& scene, HangFindings& out);         // hang_stopped.cpp
void find_deadlocks(const HangScene& scene, HangFindings& out);       // hang_deadlock.cpp
void find_lock_waits(const HangScene& scene, HangFindings& out);      // hang_lock_wait.cpp; after the others
void find_unserved(const HangScene& scene, HangFindings& out);        // hang_unserved.cpp
void find_spinning(const HangScene& scene, HangFindings& out);        // hang_spinning.cpp
void find_silent(const HangScene& scene, HangFindings& out);          // hang_silent.cpp

// All of them, in an order in which the later ones know what the earlier ones have found.
[[nodiscard]] HangFindings find_hangs(const HangScene& scene);

// --- what they share (hang_rules.cpp) ---------------------------------------------------------------------------

// True: it has lasted. Else `out` is told when it will have.
[[nodiscard]] bool lasted(const HangScene& scene, Time since, Duration threshold, std::optional<Time>& due);
void earlier(std::optional<Time>& time, Time other);
// "write(3)", "futex"; "no system call".
[[nodiscard]] std::string told_syscall(const ThreadWait& wait);
// "in D in write on /mnt/x (loop0, 7:0)": what a thread is doing, for people.
[[nodiscard]] std::string doing(const ThreadWait& wait);
// "12 threads wait for locks that it holds", and as evidence.
void add_waiting(const HangScene& scene, Finding& finding);

} // namespace nezuban
