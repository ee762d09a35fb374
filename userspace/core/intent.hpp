// What the engine wants done. The shell does it and answers with events.
#pragma once

#include "core/event.hpp"
#include "core/incident.hpp"
#include "core/memory.hpp"

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace nezuban {

// Executed as it is, without a shell; answered by CommandStarted and CommandEnded.
struct RunCommand {
    CommandId id = 0;
    std::vector<std::string> argv;                                // argv[0] is an absolute path or found in PATH
    std::vector<std::pair<std::string, std::string>> environment; // added to the daemon's own
    Duration timeout{};                                           // then its whole session is ended; zero: never
    std::optional<Incident> input; // given on standard input, as one JSON object; absent: /dev/null
    std::string label;             // for the log: "scanner: restart"
    std::vector<Identity> after; // executed when these, whose end has been told, are gone for good; at most 10 s later
};

// End a running command and everything in its session.
struct EndCommand {
    CommandId id = 0;
};

// A command turned out to be the service itself: let it live, without a time-out.
struct AdoptCommand {
    CommandId id = 0;
};

enum class ProbeKind { tcp, http };

// Is somebody there who accepts, or answers? Answered by Probed, at the latest after the time-out.
struct Probe {
    CommandId id = 0;
    ProbeKind kind = ProbeKind::tcp;
    std::string target; // as in ReadySpec
    Duration timeout{};
};

// Through a pidfd whose identity was verified; answered by SignalSent.
struct Signal {
    Identity id;
    int signal = 0;
};

// Log, history.
struct Report {
    Incident incident;
};

// Keep this of a rule across the daemon's own death. Replaces what was kept under that name.
struct Remember {
    RuleMemory memory;
};

// Compare the kernel's task list with ours, now.
struct Resync {
    std::string why;
};

// Tell of this process when it comes back after a stall of at least so long, and its silence in every scan.
struct WatchStalls {
    Identity id;
    Duration threshold{};
};

// Tell once when this thread comes back on a processor.
struct FollowThread {
    Identity process;
    ThreadId thread;
};

// Count the system calls of this running thread from now on, for as long as scans find it running:
// ThreadWait::syscalls.
struct CountSyscalls {
    Identity process;
    ThreadId thread;
};

// End the daemon with this exit code, after everything before it was carried out.
struct Quit {
    int exit_code = 0;
    std::string why;
};

using Intent = std::variant<RunCommand, EndCommand, AdoptCommand, Probe, Signal, Report, Remember, Resync, WatchStalls,
                            FollowThread, CountSyscalls, Quit>;
using Intents = std::vector<Intent>;

} // namespace nezuban
