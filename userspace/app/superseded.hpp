// What need not be written down, because what replaces it is asked for in the same breath.
#pragma once

#include "core/intent.hpp"

#include <cstddef>
#include <string_view>
#include <unordered_set>
#include <variant>
#include <vector>

namespace nezuban {

// True for each that is to be remembered while another memory of the same rule follows before anything is done: whoever
// takes over from us needs the last one alone. Each costs the watcher 30 µs just before a restart, and the scribe a
// write. In one pass from behind: a reload may ask for thousands.
[[nodiscard]] inline std::vector<bool> superseded(const Intents& intents) {
    std::vector<bool> all(intents.size());
    std::unordered_set<std::string_view> later; // rules, up to where something is done
    for (std::size_t at = intents.size(); at-- > 0;) {
        if (const auto* memory = std::get_if<Remember>(&intents[at])) {
            all[at] = !later.insert(memory->memory.rule).second;
        } else if (!std::holds_alternative<Report>(intents[at])) {
            later.clear();
        }
    }
    return all;
}

} // namespace nezuban
