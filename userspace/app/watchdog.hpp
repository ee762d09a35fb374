// Whether the kernel's events still reach us: proved by an event of our own, and told to the service manager only then.
//
// That the loop turns proves little: a ring that nobody fills or empties any more looks like a quiet machine. So at
// each interval the daemon renames itself (a canary), which has to come back through the ring like anybody's event.
// Pure.
#pragma once

#include "core/time.hpp"

#include <optional>

namespace nezuban {

class Watchdog {
public:
    // alive_every: what the service manager asks for; absent: it doesn't, and the proof is for ourselves.
    Watchdog(std::optional<Duration> alive_every, Time now);

    struct Step {
        bool send = false;    // a canary, now
        bool missing = false; // said once: the one before has not come back
    };
    // After the ring was read. backlog: there is more in it. blind: the kernel can't be observed, so nothing is proved.
    Step advance(Time now, bool backlog, bool blind);

    struct Return {
        bool tell_alive = false;
        bool again = false; // said once: it had been missing
    };
    // One came back.
    Return came_back(Time now);

    // The service manager had no room for it. It is told again soon, of another one: what this one proves gets old.
    void untold(Time now);

    [[nodiscard]] Time next_deadline() const {
        return next_;
    }
    // So long that nothing shown can be trusted.
    [[nodiscard]] std::optional<Duration> deaf_for(Time now) const;

private:
    Duration every_;
    bool wanted_; // by the service manager
    Time next_;
    std::optional<Time> asked_; // since when none has come back; absent: none is under way
    bool missing_ = false;
};

} // namespace nezuban
