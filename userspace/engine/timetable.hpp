// Which rule has something to do by itself, and when: asked three times in every turn of the daemon's loop.
#pragma once

#include "core/time.hpp"

#include <cstddef>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace nezuban {

class Timetable {
public:
    // Rules are told apart by their places in the configuration. Nobody has anything to do.
    void begin(std::size_t rules) {
        times_.clear();
        due_.assign(rules, std::nullopt);
    }
    void set(std::size_t place, std::optional<Time> due) {
        auto& known = due_.at(place);
        if (known == due) return;
        if (known) times_.erase({*known, place});
        if (due) times_.emplace(*due, place);
        known = due;
    }
    [[nodiscard]] std::optional<Time> next() const {
        return times_.empty() ? std::nullopt : std::optional(times_.begin()->first);
    }
    // Whose time has come, in the order of the configuration: a replay does the same.
    [[nodiscard]] std::set<std::size_t> due(Time now) const {
        std::set<std::size_t> places;
        for (auto at = times_.begin(); at != times_.end() && at->first <= now; ++at)
            places.insert(at->second);
        return places;
    }

private:
    std::set<std::pair<Time, std::size_t>> times_;
    std::vector<std::optional<Time>> due_;
};

} // namespace nezuban
