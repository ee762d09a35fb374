// Who belongs to a rule (with count.per: to one of its values), oldest first.
#pragma once

#include "core/identity.hpp"
#include "core/time.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace nezuban {

class Census {
public:
    // young_until: it was just forked and may be about to exec something else; until then it is tolerated beyond the
    // maximum, see judged_for_max.
    bool add(const Identity& id, std::optional<Time> young_until); // false: it was in
    bool remove(const Identity& id);                               // false: it wasn't in
    void mature(Time now);                                         // lets the young of before now count

    [[nodiscard]] std::uint32_t count() const {
        return static_cast<std::uint32_t>(members_.size());
    }

    // A program that starts others by fork and exec is two copies of itself for a moment; that moment must not count
    // as a second instance, but a storm of forks must. So of the young, a fiftieth of max is overlooked, at least a
    // handful: a shell forks all commands of a pipeline before the first of them has exec'ed.
    [[nodiscard]] std::uint32_t judged_for_max(std::uint32_t max) const;
    [[nodiscard]] std::optional<Time> next_maturity() const;

    enum class Ending { allowed, forbidden, uncalled_for }; // the last: it isn't one of those who are too many
    // Those who have to go so that max remain: newest first, none who may not be ended, none who is on the way out.
    // They are on the way out from now on. When not enough may be ended, those who may not are asked again only after
    // a second: a storm of one event each would else ask all of them each time.
    [[nodiscard]] std::vector<Identity> take_excess(std::uint32_t max,
                                                    const std::function<Ending(const Identity&)>& ending_of, Time now);
    [[nodiscard]] std::optional<Time> next_asking() const {
        return ask_all_at_;
    }
    [[nodiscard]] bool on_the_way_out(const Identity& id) const;
    void refuse(const Identity& id); // it could not be ended: it counts as staying, and is not tried again
    // It could not be asked. Nor could anybody else: all that stay are asked again a moment later, it among them.
    // False: it was not on the way out.
    bool keep(const Identity& id, Time now);

    [[nodiscard]] std::vector<Identity> all() const;
    template <typename Each> void for_each(Each each) const {
        for (const auto& [id, member] : members_) {
            each(id);
        }
    }

private:
    struct Member {
        bool young = false;
        bool leaving = false;
        bool refused = false;
    };

    Member* stay(const Identity& id);

    std::map<Identity, Member> members_;
    std::deque<std::pair<Time, Identity>> young_; // by time; may hold some who are gone
    std::optional<Time> ask_all_at_;              // present: until then only the unasked
    std::set<Identity> unasked_;                  // came since all were asked
    std::uint32_t young_count_ = 0;
    std::uint32_t leaving_count_ = 0;
};

} // namespace nezuban
