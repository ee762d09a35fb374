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

// By pid alone, so that what is kept by identity is found by a bare pid, too: hardly ever do two carry the same one.
struct IdentityHash {
    using is_transparent = void;
    std::size_t operator()(const Identity& id) const noexcept {
        return id.pid;
    }
    std::size_t operator()(std::uint32_t pid) const noexcept {
        return pid;
    }
};
struct IdentityEqual {
    using is_transparent = void;
    bool operator()(const Identity& a, const Identity& b) const noexcept {
        return a == b;
    }
    bool operator()(std::uint32_t pid, const Identity& id) const noexcept {
        return id.pid == pid;
    }
    bool operator()(const Identity& id, std::uint32_t pid) const noexcept {
        return id.pid == pid;
    }
};

} // namespace nezuban
