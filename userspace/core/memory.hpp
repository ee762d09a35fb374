// What must be as it was after the daemon died and came back: budgets, latches, pauses. The store keeps the times as
// wall time, because the machine may have been booted meanwhile.
#pragma once

#include "core/identity.hpp"
#include "core/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nezuban {

// A restart that was under way.
struct PlanMemory {
    std::string reason;
    std::uint32_t attempt = 0;
    bool by_hand = false;
    bool consequence = false; // of another rule's restart: not one of its own attempts
    bool dropped = false;     // nobody goes on with it; but its command may still run
    bool way_made = false;    // those that follow it have been told to give way
    bool started = false;     // its start command had been asked for ...
    std::string token;        // ... with this as NEZUBAN_RUN in its environment; empty: no command was under way
    Identity command;         // whoever still carries that token and is a command of ours; pid 0: nobody
    bool ended = false;       // nobody any more: it is known to have begun. Found out at start, never stored

    friend bool operator==(const PlanMemory&, const PlanMemory&) = default;
};

// A group's is kept under "group/NAME"; no rule is named so.
struct RuleMemory {
    std::string rule;
    std::vector<Time> attempts; // restarts within the window, oldest first
    std::uint32_t streak = 0;   // attempts since it was last healthy for `restart.forget`
    bool exhausted = false;     // latched until reset
    std::string exhausted_reason;
    bool page_owed = false; // escalate.command is not known to have begun
    bool unready = false;   // it runs, but ready.* was not answered well; of an earlier boot: false
    bool paused = false;
    std::optional<Time> paused_until; // absent: until resumed
    std::optional<PlanMemory> plan;   // absent: none; of an earlier boot: none

    friend bool operator==(const RuleMemory&, const RuleMemory&) = default;
};

} // namespace nezuban
