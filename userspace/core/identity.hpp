// Who a process is. A pid alone is a number that somebody else may carry a moment later.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace nezuban {

struct Identity {
    std::uint32_t pid = 0;      // in the initial pid namespace
    std::uint64_t start_ns = 0; // CLOCK_BOOTTIME at its fork, from task_struct::start_boottime

    friend constexpr bool operator==(const Identity&, const Identity&) = default;

    // Older first; among processes of the same nanosecond the smaller pid.
    friend constexpr std::strong_ordering operator<=>(const Identity& a, const Identity& b) {
        if (auto order = a.start_ns <=> b.start_ns; order != 0) return order;
        return a.pid <=> b.pid;
    }
};

struct IdentityHash {
    std::size_t operator()(const Identity& id) const noexcept {
        // Two multipliers, because pids and start times may grow in step; the high half, because a multiplication
        // carries upwards only.
        const std::uint64_t mixed = id.start_ns * 0x9E3779B97F4A7C15ULL + id.pid * 0xC2B2AE3D27D4EB4FULL;
        return static_cast<std::size_t>(mixed ^ (mixed >> 32U));
    }
};

} // namespace nezuban
