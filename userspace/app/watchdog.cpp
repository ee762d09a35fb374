#include "app/watchdog.hpp"

#include <algorithm>
#include <utility>

namespace nezuban {

namespace {

// One that a full ring refused is no sign of anything when the next one comes back.
constexpr int tries_an_interval = 4;
constexpr Duration own_interval = std::chrono::seconds{2};
// Comparisons go on meanwhile, so what is shown isn't wrong at once.
constexpr Duration deaf_after = std::chrono::seconds{10};

} // namespace

Watchdog::Watchdog(std::optional<Duration> alive_every, Time now)
    : every_(alive_every.value_or(own_interval)), wanted_(alive_every.has_value()), next_(now) {}

Watchdog::Step Watchdog::advance(Time now, bool backlog, bool blind) {
    if (now < next_) return {};
    next_ = now + every_ / tries_an_interval;
    if (blind) {
        asked_.reset();
        return {};
    }
    if (!asked_) asked_ = now;
    Step step{.send = true};
    // What waits in the ring may be ours.
    if (!backlog && !missing_ && now - *asked_ >= every_) step.missing = missing_ = true;
    return step;
}

Watchdog::Return Watchdog::came_back(Time now) {
    if (!asked_) return {};
    asked_.reset();
    next_ = now + every_;
    return {.tell_alive = wanted_, .again = std::exchange(missing_, false)};
}

void Watchdog::untold(Time now) {
    next_ = std::min(next_, now + every_ / tries_an_interval);
}

std::optional<Duration> Watchdog::deaf_for(Time now) const {
    if (!asked_ || now - *asked_ < std::max(deaf_after, every_ * 2)) return std::nullopt;
    return now - *asked_;
}

} // namespace nezuban
