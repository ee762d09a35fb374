// What a wait scan shall look for: the sum of what the rules ask. Nobody pays for what nobody asks.
#pragma once

#include "core/time.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace nezuban {

struct ScanWish {
    bool uninterruptible = false;
    bool stopped = false;
    bool locks = false; // waits that may be for locks
    bool running = false;
    bool silent = false;
    bool sockets = false;
    bool heartbeat = false;
    // Waits shorter than this are not told. Lock waits: a contended lock that is passed on is not worth a look.
    Duration least{};
    // Whole processes and single threads to be told whatever they do: explain, and owners of locks. Kernel stacks are
    // read of these and of what is in D.
    std::vector<std::uint32_t> processes;
    std::vector<std::uint32_t> threads;
    std::vector<std::string> beat_files;

    [[nodiscard]] bool any() const {
        return uninterruptible || stopped || locks || running || silent || sockets || heartbeat || !processes.empty()
               || !threads.empty() || !beat_files.empty();
    }
};

} // namespace nezuban
