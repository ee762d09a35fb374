// What must be as it was after the daemon died and came back: budgets, latches, pauses. The store keeps the times as
// wall time, because the machine may have been booted meanwhile.
#pragma once

#include "core/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nezuban {

struct RuleMemory {
    std::string rule;
    std::vector<Time> attempts; // restarts within the window, oldest first
    std::uint32_t streak = 0;   // attempts since it was last healthy for `restart.forget`
    bool exhausted = false;     // latched until reset
    std::string exhausted_reason;
    bool paused = false;
    std::optional<Time> paused_until; // absent: until resumed

    friend bool operator==(const RuleMemory&, const RuleMemory&) = default;
};

} // namespace nezuban
