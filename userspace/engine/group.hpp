// What fell in a group, from the first fall until all of it is mended, and how often it may be restarted.
#pragma once

#include "core/memory.hpp"
#include "core/spec.hpp"
#include "core/time.hpp"
#include "core/view.hpp"
#include "rules/budget.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nezuban {

struct Fall {
    std::string rule;
    Time at;               // by the kernel's clock
    std::uint32_t pid = 0; // who it was; 0: nobody in particular
    std::string reason;
    std::size_t depth = 0; // how long the longest chain of what it requires is: who fell at the same moment
                           // without a time stamp fell from below
};

class Group {
public:
    explicit Group(GroupSpec spec);

    [[nodiscard]] const GroupSpec& spec() const {
        return spec_;
    }

    // The first fall of a rule counts, until forget.
    void fell(Fall fall);
    // Its fall was of another time.
    void put_to_rest(std::string_view rule);
    // It is restarted although it did not fall.
    void followed(std::string_view rule);
    [[nodiscard]] bool has_followed(std::string_view rule) const;
    // Something was told about it: it is more than a dip that nobody had to hear of.
    void told() {
        told_ = true;
    }
    [[nodiscard]] bool fallen() const {
        return !falls_.empty();
    }
    [[nodiscard]] bool was_told() const {
        return told_;
    }
    [[nodiscard]] const Fall* root_cause() const;
    [[nodiscard]] const Fall* fall_of(std::string_view rule) const;
    // In the order in which they fell or were taken along, without the root cause.
    [[nodiscard]] std::vector<std::string> others() const;
    [[nodiscard]] std::string tell_mended(Time now) const;
    void forget();

    [[nodiscard]] bool spent(Time now) const;
    [[nodiscard]] std::string tell_spent(Time now) const;
    void add_attempt(Time now);
    void clear_attempts();

    // From a group of the same name: what its restarts have cost, and who of its members fell.
    void inherit(const Group& before);
    void restore(const RuleMemory& memory);
    [[nodiscard]] RuleMemory memory() const;
    [[nodiscard]] static std::string memory_name(std::string_view group);
    void fill(GroupView& view, Time now) const;

private:
    GroupSpec spec_;
    Budget budget_;
    std::vector<Fall> falls_;
    std::vector<std::string> followed_;
    bool told_ = false;
};

} // namespace nezuban
