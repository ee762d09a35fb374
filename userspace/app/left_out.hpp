// On whom an examiner has hung: not to be looked at for a while. Not for ever, because an examiner that got no
// processor for a second looks the same; longer each time, because one that hangs in the kernel may never be seen
// again.
#pragma once

#include "core/identity.hpp"
#include "core/time.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace nezuban {

class LeftOut {
public:
    struct Subject { // a process, or a file
        Identity process;
        std::string path;

        friend bool operator==(const Subject&, const Subject&) = default;
    };

    // How long from now.
    Duration add(const Subject& subject, Time now) {
        auto found = std::ranges::find(entries_, subject, &Entry::subject);
        if (found == entries_.end()) {
            if (entries_.size() >= most) entries_.erase(entries_.begin());
            found = entries_.insert(entries_.end(), {.subject = subject});
        }
        found->span = std::clamp(found->span * 2, shortest, longest);
        found->until = now + found->span;
        return found->span;
    }
    [[nodiscard]] bool contains(const Subject& subject, Time now) const {
        const auto found = std::ranges::find(entries_, subject, &Entry::subject);
        return found != entries_.end() && now < found->until;
    }
    [[nodiscard]] bool empty() const {
        return entries_.empty();
    }

private:
    static constexpr Duration shortest = std::chrono::minutes(1);
    static constexpr Duration longest = std::chrono::hours(1);
    static constexpr std::size_t most = 64;

    struct Entry {
        Subject subject;
        Duration span{};
        Time until;
    };
    std::vector<Entry> entries_;
};

} // namespace nezuban
