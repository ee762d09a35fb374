// When records are looked at: as soon as one is written, or by the clock. Network drivers call it interrupt moderation.
#pragma once

#include "core/event.hpp"
#include "core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <variant>

namespace nezuban {

// What a look at the records found.
struct Look {
    Time at{};
    std::size_t found = 0;
    long growth = 0;       // those who were born less those who ended
    bool mattered = false; // a rule has something to do or to tell for it

    void saw(const Event& event) {
        const bool born = std::holds_alternative<Forked>(event);
        const bool ended = std::holds_alternative<Exited>(event);
        if (!born && !ended && !std::holds_alternative<Execed>(event) && !std::holds_alternative<Changed>(event))
            return;
        ++found;
        growth += static_cast<int>(born) - static_cast<int>(ended);
    }
};

// To be woken costs 40 µs, most of them for finding the caches filled by somebody else; by every record of 14,000 a
// second, a ninth of what a host can start. So where `many` come within `rest` and as many end as begin, the next look
// is taken after that time, and records wake nobody meanwhile. Where they become more or fewer (a storm, a fall of
// many), where a rule had something to do a moment ago, or where less happens than that (4,000 records, or 1,300
// short-lived processes a second), each is told at once.
class Moderation {
public:
    static constexpr std::size_t many = 16;
    static constexpr Duration rest = std::chrono::milliseconds(4);
    static constexpr Duration prompt = 5 * rest;         // after something mattered
    static constexpr std::uint64_t least_ring = 1 << 20; // bytes: a smaller one might be full by then

    // Returns when the next look is due, no record waking before; absent: the next record wakes.
    std::optional<Time> after(const Look& look) {
        if (look.mattered) prompt_until_ = look.at + prompt;
        if (look.at - since_ >= rest) {
            since_ = look.at;
            found_ = 0;
            growth_ = 0;
        }
        found_ += look.found;
        growth_ += look.growth;
        const bool balanced = static_cast<std::size_t>(std::abs(growth_)) * 4 < found_;
        if (look.at < prompt_until_ || found_ < many || !balanced) return std::nullopt;
        return look.at + rest;
    }

private:
    // A window of `rest`.
    Time since_{};
    std::size_t found_ = 0;
    long growth_ = 0;
    Time prompt_until_{};
};

} // namespace nezuban
