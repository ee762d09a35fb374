// What a thread is waiting for, in words. Pure.
#pragma once

#include "core/surroundings.hpp"
#include "core/wait.hpp"

#include <cstdint>
#include <string>

namespace nezuban {

// In the order in which they say something about the process as a whole: that a server waits for connections says more
// than that its helpers wait to be woken.
enum class WaitsFor {
    connections,
    data,  // to be read
    room,  // to write to
    child, // of the process
    timer,
    signal,
    events, // of some of many descriptors
    wakeup, // by another thread
    join,   // the end of another thread
    lock,
    kernel,     // something else inside of it
    resumption, // it is stopped, traced or frozen
    nothing,    // it runs, or is ready to
    end,        // it is dead
};

struct Purpose {
    WaitsFor what = WaitsFor::kernel;
    std::string text; // "waiting for connections on :25"
};

// The system call's name must have been filled in.
[[nodiscard]] Purpose purpose_of(const ThreadWait& wait, const Surroundings& around);

// It waits for somebody who holds what it wants: not for the end of a thread, which is how a program idles.
[[nodiscard]] bool waits_for_lock(const ThreadWait& wait);

// ":25, :587 and 3 more"
[[nodiscard]] std::string listed(const std::vector<ListeningSocket>& sockets);

} // namespace nezuban
