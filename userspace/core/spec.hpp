// A configuration as plain values: read by config/, obeyed by the engine. Comparable, because a reload keeps the
// state of every rule whose value did not change.
#pragma once

#include "core/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nezuban {

using namespace std::chrono_literals; // NOLINT(google-global-names-in-headers): durations below read as in the file

using Argv = std::vector<std::string>;

// A user or group: as written, and what it means on this machine.
struct Principal {
    std::string text;
    std::uint32_t id = 0;

    friend bool operator==(const Principal&, const Principal&) = default;
};

struct MatchSpec {
    std::optional<std::string> comm;       // of kernel threads a glob, in which a slash is like any other character
    std::optional<std::string> exe;        // glob: * and ? stop at a slash, ** does not
    Argv args;                             // each is one of the arguments, whole
    std::optional<std::string> args_regex; // RE2, searched in the arguments joined by blanks
    std::optional<Principal> user;
    std::optional<Principal> group;
    std::optional<std::string> cgroup; // glob over any of its paths
    std::optional<std::string> unit;   // a component of any of its cgroup paths
    bool kernel_thread = false;
    bool any = false;

    friend bool operator==(const MatchSpec&, const MatchSpec&) = default;
};

enum class Per { comm, exe, user, cgroup };
enum class Over { report, stop_newest, restart, run };

struct CountSpec {
    std::uint32_t min = 1;
    std::optional<std::uint32_t> max;
    Duration hold = 0s; // the key is "for"
    std::optional<Per> per;
    Over over = Over::report;
    Argv over_command;

    friend bool operator==(const CountSpec&, const CountSpec&) = default;
};

enum class HangAction { report, restart };

// Absent: that kind of evidence is off.
struct HangSpec {
    std::optional<Duration> uninterruptible = 30s;
    std::optional<Duration> stopped = 30s;
    bool deadlock = true;
    std::optional<Duration> lock_wait;
    std::optional<Duration> unserved = 30s;
    std::optional<Duration> spinning;
    std::optional<Duration> silent;
    std::optional<Duration> heartbeat;
    std::optional<std::string> heartbeat_file;
    HangAction action = HangAction::report;

    // Its sign of life is a message.
    [[nodiscard]] bool notified() const {
        return heartbeat && !heartbeat_file;
    }
    friend bool operator==(const HangSpec&, const HangSpec&) = default;
};

// When what was started can be used. At most one of the three; none: when it has held for restart.settle.
struct ReadySpec {
    Argv command;            // exits with 0 when ready
    std::string tcp;         // "127.0.0.1:5432", "[::1]:5432", "localhost:5432", "unix:/run/x.sock": somebody accepts
    std::string http;        // a URL, http or https: answers with 2xx or 3xx
    Duration every = 1s;     // the longest pause between two looks; the first ones follow faster
    Duration timeout = 1min; // since the start command ended (or became the service); then the attempt has failed

    [[nodiscard]] bool wanted() const {
        return !command.empty() || !tcp.empty() || !http.empty();
    }
    friend bool operator==(const ReadySpec&, const ReadySpec&) = default;
};

struct RestartSpec {
    Argv command; // either this ...
    Argv stop;    // ... or these two
    Argv start;
    int signal = 15;           // sent when there is no stop command and something is still there
    Duration kill_after = 10s; // then SIGKILL
    Duration timeout = 60s;    // of one command
    Duration settle = 5s;      // must hold so long to count as recovered
    Duration delay = 1s;       // before the second attempt in a row, doubled each time; the first is immediate
    Duration delay_max = 1min;
    std::uint32_t attempts = 3; // within window
    Duration window = 24h;
    Duration forget = 10min; // healthy for so long: the delay starts anew

    [[nodiscard]] bool possible() const {
        return !command.empty() || !start.empty();
    }
    friend bool operator==(const RestartSpec&, const RestartSpec&) = default;
};

enum class EscalateAction { report, run, exit };

struct EscalateSpec {
    EscalateAction action = EscalateAction::report;
    Argv command;
    int exit_code = 10;

    friend bool operator==(const EscalateSpec&, const EscalateSpec&) = default;
};

struct RuleSpec {
    std::string name;
    MatchSpec match;
    CountSpec count;
    HangSpec hang;
    std::vector<std::string> required; // the key is "requires"
    ReadySpec ready;
    RestartSpec restart;
    EscalateSpec escalate;
    Argv notify_command;

    friend bool operator==(const RuleSpec&, const RuleSpec&) = default;
};

enum class GroupRestart { dependents, all, member };

struct GroupSpec {
    std::string name;
    std::vector<std::string> members;
    GroupRestart restart = GroupRestart::dependents;
    std::optional<std::uint32_t> attempts; // of all members together, within window; absent: their own budgets alone
    Duration window = 24h;

    friend bool operator==(const GroupSpec&, const GroupSpec&) = default;
};

enum class LogFormat { text, json };

// What is done about includes and commands that others than root could alter.
enum class ScriptSecurity { refuse, warn, off };

struct DaemonSpec {
    std::string state_dir = "/var/lib/nezuban";
    std::string socket = "/run/nezuban/control.sock";
    Duration reconcile = 1s;
    Duration scan = 500ms;          // how often hangs are looked for
    std::string log_level = "info"; // error | warning | info | debug
    LogFormat log_format = LogFormat::text;
    std::uint64_t ring_size = 4ULL << 20U;     // bytes, a power of two of at least a page
    std::uint64_t history_size = 64ULL << 20U; // bytes that the history may take on disk
    ScriptSecurity script_security = ScriptSecurity::refuse;

    friend bool operator==(const DaemonSpec&, const DaemonSpec&) = default;
};

struct Spec {
    DaemonSpec daemon;
    std::vector<RuleSpec> rules;
    std::vector<GroupSpec> groups;
};

} // namespace nezuban
