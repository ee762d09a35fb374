// Does a command of ours still run that a former daemon had started? Commands get a token of their own in their
// environment (NEZUBAN_RUN), and the spawner makes each the leader of a session of its own.
#pragma once

#include "core/identity.hpp"
#include "core/time.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace nezuban {

struct WantedCommand {
    std::string token;
    // As far as it was known: a start of 0 means that only the pid was, a pid of 0 that nothing was. Then it is the
    // oldest session leader that carries the token. That may be a wrong one: a service which the command has left
    // behind carries the token, too, and may lead a session.
    Identity known;
};

struct CommandSearch {
    // One for each wanted; pid 0: nobody. The start is `known`'s, or else as exactly as /proc tells it: see same_start.
    // A known pid that leads a session and can't be looked at is taken for the one that had it.
    std::vector<Identity> found;
    // Those who could not be looked at in time. Not empty: "nobody" may be wrong.
    std::vector<std::uint32_t> unread;
};

// Takes at most `patience` and the reading of /proc once, whatever it looks at. Forks: only from a process with one
// thread.
[[nodiscard]] CommandSearch find_running_commands(std::span<const WantedCommand> wanted, Duration patience);

// The same process' start, when one of the two was rounded down to a clock tick (10 ms), as in /proc.
[[nodiscard]] bool same_start(std::uint64_t a_ns, std::uint64_t b_ns);

} // namespace nezuban
