// What is lacking for a moment, such as a descriptor, is tried again for a while before it is said that it can't be
// had.
#pragma once

#include "core/time.hpp"

#include <optional>

namespace nezuban {

class Shortage {
public:
    static constexpr Duration pause = std::chrono::milliseconds(10); // between two tries
    static constexpr Duration patience = std::chrono::seconds(1);    // from the first one that failed

    // Whether it may be tried now.
    [[nodiscard]] bool may_try(Time now) const {
        return !again_ || now >= *again_;
    }
    // It was tried, and is lacking. False: for longer than is waited.
    bool wait(Time now) {
        if (!since_) since_ = now;
        again_.reset();
        if (now - *since_ < patience) again_ = now + pause;
        return again_.has_value();
    }
    void over() {
        *this = {};
    }
    // Absent: nothing is waited for.
    [[nodiscard]] std::optional<Time> next_try() const {
        return again_;
    }

private:
    std::optional<Time> since_;
    std::optional<Time> again_;
};

} // namespace nezuban
