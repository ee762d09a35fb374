// How long decisions took: a histogram that never grows.
#pragma once

#include "core/time.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace nezuban {

class Latency {
public:
    void add(Duration duration);

    // The upper edge of the bucket that the given share (0..1) of all falls into: at most a quarter too high.
    [[nodiscard]] Duration percentile(double share) const;
    [[nodiscard]] Duration max() const {
        return max_;
    }

private:
    // Four buckets to each doubling, from 1 µs to over an hour.
    static constexpr std::size_t buckets = 130;
    [[nodiscard]] static Duration edge(std::size_t bucket);

    std::array<std::uint64_t, buckets> counts_{};
    std::uint64_t total_ = 0;
    Duration max_{};
};

} // namespace nezuban
