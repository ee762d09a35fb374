// What only the daemon knows about itself: the part of `status` that doesn't come from the engine.
#pragma once

#include "core/time.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace nezuban {

struct DaemonView {
    std::uint32_t pid = 0;
    Duration uptime{};
    std::string mode = "bpf";         // where events come from
    std::vector<std::string> missing; // what is not done, or done otherwise, and why: sentences
    ClockPair clocks;                 // now, on both clocks: what turns the engine's times into dates

    // Empty: what is shown can be trusted. Else why it can't be: nothing has been heard of the kernel since ...
    std::string blind;

    std::string history_error; // empty: it is being written
    std::uint64_t history_dropped = 0;

    // From the kernel's stamp of an event to the engine's decision on it.
    Duration latency_p50{};
    Duration latency_p99{};
    Duration latency_max{};
};

} // namespace nezuban
