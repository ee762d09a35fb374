// Signals that can't reach the wrong process.
#pragma once

#include "core/identity.hpp"
#include "core/time.hpp"
#include "io/fd.hpp"

#include <expected>
#include <utility>

namespace nezuban {

// Whether that errno tells of something that we lack ourselves, for now: descriptors, memory.
[[nodiscard]] bool is_for_want(int error);

// One process, held by a pidfd: its number may become somebody else's, this doesn't.
class SignalTarget {
public:
    // Only if the process is the one of that start time, as exactly as /proc tells it: a clock tick, 10 ms. Who has got
    // the number within the tick in which its owner was born and has ended is held as well: events that tell of the
    // owner's end have been written by then, so whoever sends looks at them between holding and sending.
    // Never a kernel thread. The error is an errno: ESRCH nobody of that identity is left, EPERM not allowed, or one
    // that is_for_want. Takes about 10 µs.
    [[nodiscard]] static std::expected<SignalTarget, int> hold(const Identity& id);

    // Returns an errno: 0 delivered, ESRCH it has ended.
    [[nodiscard]] int send(int signal) const;

    // Waits until it has left all that it had: it is a zombie, or no more. False: not within that time.
    [[nodiscard]] bool gone_within(Duration patience) const;

private:
    SignalTarget(Fd process, Identity id) : process_(std::move(process)), id_(id) {}

    Fd process_;
    Identity id_;
};

} // namespace nezuban
