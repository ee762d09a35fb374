#include "rules/budget.hpp"

#include <algorithm>

namespace nezuban {

Budget::Budget(const RestartSpec& spec)
    : delay_(spec.delay), delay_max_(spec.delay_max), window_(spec.window), attempts_(spec.attempts) {}

void Budget::restore(const RuleMemory& memory) {
    times_.assign(memory.attempts.begin(), memory.attempts.end());
    streak_ = memory.streak;
}

void Budget::store(RuleMemory& memory) const {
    memory.attempts.assign(times_.begin(), times_.end());
    memory.streak = streak_;
}

std::uint32_t Budget::used(Time now) const {
    return static_cast<std::uint32_t>(std::ranges::count_if(times_, [&](Time at) { return at > now - window_; }));
}

bool Budget::spent(Time now) const {
    return used(now) >= attempts_;
}

Duration Budget::delay_after(std::uint32_t failures, Dice& dice) const {
    if (failures == 0 || delay_ == Duration::zero()) return Duration::zero(); // twice nothing never gets anywhere
    Duration delay = delay_;
    for (std::uint32_t i = 1; i < failures && delay < delay_max_; ++i) {
        delay *= 2;
    }
    delay = std::min(delay, delay_max_);
    std::uniform_real_distribution<double> jitter(0.9, 1.1);
    return std::chrono::duration_cast<Duration>(delay * jitter(dice));
}

void Budget::add_attempt(Time now) {
    // More than the limit are never needed to know that it is spent.
    while (!times_.empty() && (times_.front() <= now - window_ || times_.size() > attempts_)) {
        times_.pop_front();
    }
    times_.push_back(now);
    ++streak_;
}

void Budget::forget_streak() {
    streak_ = 0;
}

void Budget::clear() {
    times_.clear();
    streak_ = 0;
}

} // namespace nezuban
