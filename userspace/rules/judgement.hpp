// From a count to an incident and back: out of range for `count.for`, in range again for `restart.settle`.
#pragma once

#include "core/time.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace nezuban {

enum class Range { in, under, over };

struct Limits {
    std::uint32_t min = 0;
    std::optional<std::uint32_t> max;
    Duration hold{};
    Duration gather{}; // too few are held at least so long
    Duration settle{};
};

class Judgement {
public:
    enum class Change { none, began, ended };

    // for_min and for_max may differ: see Census::judged_for_max. keep_open: do not end an incident now, because
    // something (a restart) is still being done about it.
    Change update(std::uint32_t for_min, std::uint32_t for_max, const Limits& limits, bool keep_open, Time now);

    // What was told is over, whatever the settle time says: a restart has seen to it that it holds.
    void end() {
        told_ = Range::in;
    }

    [[nodiscard]] Range range() const { // at this moment
        return range_;
    }
    [[nodiscard]] Time since() const { // of range
        return since_;
    }
    [[nodiscard]] Range told() const { // the incident under way
        return told_;
    }
    [[nodiscard]] Time told_at() const {
        return told_at_;
    }

    // When update would change something although the count does not.
    [[nodiscard]] std::optional<Time> due(const Limits& limits, bool keep_open) const;

private:
    [[nodiscard]] Duration hold_of(const Limits& limits) const {
        return range_ == Range::under ? std::max(limits.hold, limits.gather) : limits.hold;
    }

    Range range_ = Range::in;
    Range told_ = Range::in;
    Time since_{};
    Time told_at_{};
};

} // namespace nezuban
