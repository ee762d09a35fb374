// What was seen of suspicious threads and sockets over several scans: only what was seen to last can be a hang.
#pragma once

#include "core/wait.hpp"

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace nezuban {

// One wait of one thread: it has not been on a processor since it was first seen so. (Of a running thread: it has not
// left one by its own will.)
struct SeenThread {
    ThreadWait last;
    Time since;            // of the wait, conservatively
    Duration cpu_before{}; // cpu and system time when it was first seen so
    Duration system_before{};
    bool syscalls_seen = false;   // in one of the scans it had come into the kernel by a system call
    std::uint32_t scans = 1;      // in a row in which it was so
    std::uint32_t lock_scans = 0; // ... and waited for the same lock of the same owner
};

// A socket with work in its queue, and nothing was taken out of it since.
struct SeenSocket {
    SocketQueue last; // held by its first holder
    std::vector<SocketQueue> holders;
    Time since;
    std::uint32_t scans = 1;
};

class HangMemory {
public:
    using SocketKey = std::pair<std::uint64_t, std::uint64_t>; // network namespace, inode

    // now: when the scan was taken. What a complete scan doesn't tell any more is forgotten.
    void take(const WaitScan& scan, Time now);

    [[nodiscard]] const std::map<std::uint32_t, SeenThread>& threads() const { // by tid
        return threads_;
    }
    [[nodiscard]] const std::map<SocketKey, SeenSocket>& sockets() const {
        return sockets_;
    }
    [[nodiscard]] const SeenThread* thread(std::uint32_t tid) const;
    // Time in which we did not run, so perhaps nothing could: a paused virtual machine, or we were stopped ourselves.
    void gap(Time from, Time to);
    // How long something has lasted, without those times.
    [[nodiscard]] Duration lasting(Time since, Time now) const;

private:
    std::vector<std::pair<Time, Time>> gaps_; // the last few
    std::map<std::uint32_t, SeenThread> threads_;
    std::map<SocketKey, SeenSocket> sockets_;
};

} // namespace nezuban
