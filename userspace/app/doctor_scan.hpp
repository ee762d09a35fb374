// What a look for hangs costs on this machine as it is now, and how often it will come therefore.
#pragma once

#include "core/result.hpp"
#include "core/time.hpp"
#include "probe/features.hpp"

#include <cstdint>

namespace nezuban {

struct ScanCost {
    std::uint64_t of_threads = 0; // of the machine; 0: unknown
    Duration threads{};           // one pass
    Duration sockets{};
    Duration threads_every{}; // from one look at all of them to the next
    Duration sockets_every{};
    bool sockets_seen = true; // false: this kernel can't
    std::uint64_t map_bytes = 0;

    // Of a core, in per cent.
    [[nodiscard]] double share() const;
};

// every: daemon.scan. Looks a few times, with what the daemon asks for by default.
[[nodiscard]] Result<ScanCost> measure_scan(const Features& features, Duration every);

} // namespace nezuban
