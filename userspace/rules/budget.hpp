// How often, and how soon, a rule may be restarted.
#pragma once

#include "core/memory.hpp"
#include "core/spec.hpp"
#include "core/time.hpp"

#include <cstdint>
#include <deque>
#include <random>

namespace nezuban {

using Dice = std::minstd_rand; // seeded by the engine's options: a replay throws the same

class Budget {
public:
    explicit Budget(const RestartSpec& spec);

    void restore(const RuleMemory& memory);
    void store(RuleMemory& memory) const;

    // Restarts within the window that ends now.
    [[nodiscard]] std::uint32_t used(Time now) const;
    [[nodiscard]] bool spent(Time now) const;

    // Before the next attempt. The first in a row is immediate; the second waits `delay`, then twice that, up to
    // `delay_max`, each time a tenth more or less: what died of one common cause shall not come back in one crowd.
    [[nodiscard]] Duration next_delay(Dice& dice) const {
        return delay_after(streak_, dice);
    }
    // The same for anything else that failed so many times in a row.
    [[nodiscard]] Duration delay_after(std::uint32_t failures, Dice& dice) const;

    // Attempts since it was last healthy for long enough.
    [[nodiscard]] std::uint32_t in_a_row() const {
        return streak_;
    }

    void add_attempt(Time now);
    void forget_streak(); // healthy for long enough
    void clear();         // by the operator

private:
    Duration delay_;
    Duration delay_max_;
    Duration window_;
    std::uint32_t attempts_;
    std::deque<Time> times_;
    std::uint32_t streak_ = 0;
};

} // namespace nezuban
