// The findings of one rule that are under way. A dead disk makes thousands of them, and every event of the rule asks
// for the oldest, every end of a process for its own: neither goes through all.
#pragma once

#include "core/finding.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nezuban {

class Findings {
public:
    [[nodiscard]] bool empty() const {
        return by_key_.empty();
    }
    [[nodiscard]] std::size_t size() const {
        return by_key_.size();
    }
    [[nodiscard]] const std::map<std::string, Finding>& by_key() const {
        return by_key_;
    }
    [[nodiscard]] bool contains(const std::string& key) const {
        return by_key_.contains(key);
    }
    [[nodiscard]] std::vector<const Finding*> of(const Identity& process) const;
    // Null: there is none. Among those of the same moment, the first by its key.
    [[nodiscard]] const Finding* oldest() const;
    [[nodiscard]] const Finding* oldest_restartable() const;

    // One of the same key stays as it is.
    void add(Finding&& finding);
    std::optional<Finding> take(const std::string& key);
    std::vector<Finding> take_all();

private:
    using ByAge = std::set<std::pair<Time, std::string_view>>;

    [[nodiscard]] const Finding* first_of(const ByAge& by_age) const;

    std::map<std::string, Finding> by_key_; // the others point to its keys
    ByAge by_age_;
    ByAge restartable_;
    std::set<std::pair<Identity, std::string_view>> by_process_;
};

} // namespace nezuban
