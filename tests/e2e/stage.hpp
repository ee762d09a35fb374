// What the end-to-end stories share: names that nobody else has, services that a command starts, and what they say.
#pragma once

#include "support/daemon.hpp"
#include "support/events.hpp"
#include "support/features.hpp"
#include "support/leash.hpp"
#include "support/privilege.hpp"
#include "support/skip.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <sys/types.h>

#define NEEDS_DAEMON()                                                                                                 \
    if (!nezuban::test::can_load_bpf()) SKIP(nezuban::test::why_no_bpf())

namespace nezuban::test {

using nlohmann::json;

// A thread name (15 bytes at most) with our pid in it: whoever runs these tests at the same time has other ones, and no
// rule of ours ever means a process that we didn't start.
std::string fresh_name();

// As a TOML array.
std::string command(const std::vector<std::string>& argv);
// The script gets the rest as $1 and so on.
std::string script(const std::string& text, const std::vector<std::string>& arguments = {});
// A rule of that name for the processes of that name; keys: more lines.
std::string rule(const std::string& name, const std::string& keys = "");

// Starts a service of that name in the background, which lives until the leash is let go. first: what a script that
// executes the rest takes for itself.
std::vector<std::string> detached(const std::string& name, const Leash& leash, std::vector<std::string> first = {});

// A named pipe: what commands write to it (with >) is read here, line by line.
class Mailbox {
public:
    explicit Mailbox(std::string path);
    std::string next(Deadline deadline = after()) {
        return *reader_.next(deadline);
    }
    // Reads until this line came.
    void await(const std::string& line, Deadline deadline = after()) {
        while (next(deadline) != line) {
        }
    }
    [[nodiscard]] const std::string& path() const {
        return path_;
    }

private:
    std::string path_;
    LineReader reader_{Fd()}; // of both ends, so that it never ends
};

// `status --json`, or the one rule of it.
json status_of(const Daemon& daemon);
json rule_status(const Daemon& daemon, const std::string& name);
pid_t only_pid(const json& rule);

// Asks again until it is so.
json await_rule(const Daemon& daemon, const std::string& name, const std::function<bool(const json&)>& wanted);

// Returns when the daemon's log holds the text.
void await_log(const Daemon& daemon, const std::string& text);

// The helper of that name (nezuban-scribe, nezuban-spawner) of a running daemon.
pid_t helper_of(Daemon& daemon, const std::string& name);
// The same of one that may just be on its way: it has its name a moment after its birth.
pid_t await_helper(Daemon& daemon, const std::string& name);

// Returns when the scribe of a daemon that has ended has written everything.
void await_scribe(const Daemon& daemon);

// Its wall time.
std::int64_t nanoseconds_of(const json& event);

// How many events of a kind the whole history holds for a rule.
std::size_t count_of(const Daemon& daemon, const std::string& rule, const std::string& event);

// Resident memory in KiB.
long resident_kib(pid_t pid);

// Whether it was built with the address sanitizer.
bool is_sanitized(pid_t pid);

} // namespace nezuban::test
