#include "app/latency.hpp"

#include <algorithm>

namespace nezuban {

Duration Latency::edge(std::size_t bucket) {
    // 1, 1.25, 1.5, 1.75 µs, then twice that, and so on.
    const auto doublings = bucket / 4;
    const auto quarter = static_cast<std::int64_t>(4 + bucket % 4);
    return Duration(((quarter * 250) << doublings));
}

void Latency::add(Duration duration) {
    max_ = std::max(max_, duration);
    ++total_;
    std::size_t low = 0;
    std::size_t high = buckets - 1;
    while (low < high) { // the first bucket whose edge isn't below
        const auto middle = (low + high) / 2;
        if (edge(middle) < duration) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    ++counts_[low];
}

Duration Latency::percentile(double share) const {
    const auto wanted = static_cast<double>(total_) * share;
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
        seen += counts_[bucket];
        if (seen > 0 && static_cast<double>(seen) >= wanted) return std::min(edge(bucket), max_);
    }
    return max_;
}

} // namespace nezuban
