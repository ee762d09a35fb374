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
    std::string when; // it is attached, and for whom this was measured; empty: always, for everybody
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

struct StallOverhead {
    std::vector<Overhead> programs; // some of them twice: by whom it meets
    std::uint64_t map_bytes = 0;
};

// Likewise what is attached to context switches and system calls, which nobody pays for by default. Two processes hand
// a byte to each other on one processor, for each measurement as long as the go_on that it asks for says so. An error:
// this kernel can't, and the daemon does without.
[[nodiscard]] Result<StallOverhead> measure_stall_overhead(const Features& features,
                                                           const std::function<std::function<bool()>()>& begin_span);

} // namespace nezuban
