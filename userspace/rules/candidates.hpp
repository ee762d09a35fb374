// Which of many rules could match a process: each is found by the one thing it asks for that the fewest others ask for,
// so a process is tried against those alone that mean somebody like it.
#pragma once

#include "core/process.hpp"
#include "core/spec.hpp"
#include "rules/pattern_filter.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace nezuban {

class Candidates {
public:
    using Places = std::vector<std::size_t>; // of rules, in the order they were given in

    Candidates() = default;
    explicit Candidates(const std::vector<MatchSpec>& rules);

    // Appends, in their order, all that match and few others. What isn't known of the process matches nothing.
    void find(const Process& process, Places& out) const;

private:
    // What a rule may ask for. Those with a text are expressions, a glob, an argument or a unit being one too.
    enum class Field { comm, user, group, name, exe, args, cgroups };
    using Handle = std::pair<Field, std::string>;
    using Shares = std::map<Handle, std::size_t>; // how many rules have this one

    struct Pattern {
        Places places;
        std::vector<std::string> expressions;
        std::optional<PatternFilter> filter;
    };
    // Rules about kernel threads are others than those about processes.
    struct Kind {
        std::unordered_map<std::string, Places> by_comm;
        std::unordered_map<std::uint32_t, Places> by_user;
        std::unordered_map<std::uint32_t, Places> by_group;
        std::map<Field, Pattern> patterns;
        Places everybody; // nothing rules them out
    };

    [[nodiscard]] static std::vector<Handle> handles_of(const MatchSpec& rule);
    [[nodiscard]] static std::optional<Handle> best_of(std::vector<Handle> handles, const Shares& shares);
    [[nodiscard]] static std::optional<std::string> text_of(Field field, const Process& process);
    static void file(Kind& kind, std::size_t place, const std::optional<Handle>& handle);

    std::array<Kind, 2> kinds_; // [kernel_thread]
};

} // namespace nezuban
