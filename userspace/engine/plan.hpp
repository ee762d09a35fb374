// A restart of one rule, as far as it has got.
#pragma once

#include "core/identity.hpp"
#include "core/intent.hpp"
#include "core/time.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <string>

namespace nezuban {

// Before a signal is asked for again that we could not send.
inline constexpr Duration between_tries = std::chrono::milliseconds(100);

// From its reason to its end.
struct Plan {
    enum class Phase { none, waiting, clearing, stopping, ending, holding, starting, settling };
    Phase phase = Phase::none;
    std::string reason;
    bool by_hand = false;
    bool consequence = false; // of another one's: that one pays for it
    bool pulled = false;      // it did not fall, or may have come back too early: it is restarted in any case
    bool way_made = false;    // those that follow it have been told to give way
    bool waited = false;      // for others, since it was stopped
    bool unsure = false;      // whether its start was ever begun by the daemon before us
    bool owed = false;        // the attempt that failed had to be made although it ran
    bool emptied = false;     // nobody was left when it was started: who runs now came up after that
    bool asks = false;        // only whether it is ready: nothing was restarted, and nothing is to be remembered
    std::string token;        // of its last command
    std::uint32_t attempt = 0;
    CommandId command = 0;         // under way
    std::uint32_t command_pid = 0; // once started
    bool command_started = false;  // until then it waits for its place, and is not late
    Time deadline{};               // of the phase; none has one while it waits for others
    Time began{};                  // the first attempt of this row
    std::set<Identity> victims;    // to be gone before the start
    std::set<Identity> unheard;    // of them: the last signal could not be sent, for want of something of ours
    Time say_again_at{};           // to those
    bool killed = false;           // they have had their SIGKILL
    Time settling_from{};
    Time ready_until{};             // ready.* has to be answered well
    std::optional<Time> held_since; // since then
    bool ready = false;             // ready.* has been answered well
    CommandId check = 0;            // asks for it at this moment
    Time check_at{};                // the next one
    std::string not_ready;          // what the last one said
};

} // namespace nezuban
