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
    Duration cpu_before{}; // its CPU time when it was first seen so
    Time uncalled_since;   // of a running one: it was not seen to have called the kernel, since it had used so much
    Duration cpu_at_call{};
    Duration system_at_call{};
    std::uint32_t scans = 1;      // in a row in which it was so
    std::uint32_t lock_scans = 0; // ... and waited for the same lock of the same owner
    bool looked_into = false;     // its lock, in the last scan
    bool missed = false;          // the last scan broke off before it told of it: it may have gone on
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

    // now: when the scan was taken. What a complete scan doesn't tell any more is forgotten; what two broken ones in a
    // row don't tell is forgotten too, or it would pile up where every scan breaks off.
    void take(const WaitScan& scan, Time now);
    void forget(const Identity& process, std::uint32_t tid); // it has run since

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
