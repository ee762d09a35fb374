// What our programs cost on this kernel: measured by the kernel itself, net of programs that do nothing.
#pragma once

#include "core/result.hpp"
#include "probe/features.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace nezuban {

struct Overhead {
    std::string program;
    std::string hook;
    std::uint64_t runs = 0;
    double gross_ns = 0; // a run, as the statistics show it
    double net_ns = 0;   // less what they show for an empty program on the same hook (never below 0)
};

struct OverheadReport {
    std::vector<Overhead> programs;
    std::uint64_t map_bytes = 0; // with the ring of the given size
};

// Attaches a set of programs of its own beside those of a running daemon, makes one process after the other come and
// go as long as go_on says so, and leaves nothing behind.
[[nodiscard]] Result<OverheadReport> measure_overhead(const Features& features, std::uint64_t ring_size,
                                                      const std::function<bool()>& go_on);

} // namespace nezuban
