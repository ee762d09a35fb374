// The one line about a process: hung, idle, moving, ... and why. Pure: from two looks at it.
#pragma once

#include "core/finding.hpp"
#include "core/surroundings.hpp"
#include "rules/hang_memory.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nezuban {

enum class VerdictKind {
    hung,    // there are findings
    blocked, // it waits for what a hang would wait for, but not for long enough to be called one
    stopped, // by a signal or a debugger, likewise
    frozen,
    moving,
    idle,
    zombie,
    gone,
};

[[nodiscard]] constexpr std::string_view name_of(VerdictKind kind) {
    switch (kind) {
    case VerdictKind::hung: return "hung";
    case VerdictKind::blocked: return "blocked";
    case VerdictKind::stopped: return "stopped";
    case VerdictKind::frozen: return "frozen";
    case VerdictKind::moving: return "moving";
    case VerdictKind::idle: return "idle";
    case VerdictKind::zombie: return "zombie";
    case VerdictKind::gone: return "gone";
    }
    return "";
}

struct Verdict {
    VerdictKind kind = VerdictKind::gone;
    std::string reason;
    bool kernel_thread = false;

    // "idle: waiting for connections on :25, queues empty", "kernel thread: idle".
    [[nodiscard]] std::string headline() const;
};

// What was seen of one process.
struct Sight {
    const Surroundings& around;
    const std::vector<Finding>& findings;
    std::vector<const SeenThread*> threads; // all of it, of both looks
    std::vector<const SeenSocket*> sockets; // with work in their queue, which it holds
    bool sockets_seen = false;
    Duration between{}; // the two looks
    Time now;
    ClockPair clocks;
};

[[nodiscard]] Verdict judge(const Sight& sight);

// For how long at least no thread of these has been on a processor. Absent: one has been, between the looks or now, or
// it isn't known.
[[nodiscard]] std::optional<Duration> at_rest(const std::vector<const SeenThread*>& threads, Time now);

// How long a queue has been waiting can't be known at first sight. But what is in it was there at both looks, and who
// has not been on a processor has not taken anything out of it: rest is that of all who hold the socket.
[[nodiscard]] std::optional<Finding> unserved_at_rest(const SeenSocket& socket, const Identity& process, Duration rest,
                                                      Duration threshold);

// It ran between the looks.
[[nodiscard]] bool moved(const SeenThread& thread);

} // namespace nezuban
