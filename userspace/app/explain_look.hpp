// Two looks at some processes, a moment apart: what a proof needs, and no more.
#pragma once

#include "core/result.hpp"
#include "core/time.hpp"
#include "probe/features.hpp"
#include "rules/hang_memory.hpp"

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace nezuban {

struct TwoLooks {
    HangMemory memory; // of the processes, of all who wait for locks, and of who holds what these wait for
    std::set<std::uint32_t> unreadable; // processes of which memory or descriptors could not be looked at in time
    std::set<std::uint32_t> hidden;     // processes that BPF doesn't see: from /proc, without times
    bool sockets_seen = false;
    std::string missing; // what could not be found out, and why; one sentence
    Duration between{};
    Time now; // of the second look
};

// pids: of processes; who is gone by then is not in the memory. meanwhile: called between the looks, which are at least
// 60 ms apart; longer when it takes longer.
[[nodiscard]] Result<TwoLooks> look_twice(const Features& features, const std::vector<std::uint32_t>& pids,
                                          const std::function<void()>& meanwhile);

} // namespace nezuban
