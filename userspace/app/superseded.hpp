// What need not be written down, because what replaces it is asked for in the same breath.
#pragma once

#include "core/intent.hpp"

#include <cstddef>
#include <variant>

namespace nezuban {

// intents[at] is to be remembered, and another memory of the same rule follows before anything is done: whoever takes
// over from us needs the last one alone. Each costs the watcher 30 µs just before a restart, and the scribe a write.
[[nodiscard]] inline bool superseded(const Intents& intents, std::size_t at) {
    const auto* memory = std::get_if<Remember>(&intents[at]);
    if (memory == nullptr) return false;
    for (std::size_t next = at + 1; next < intents.size(); ++next) {
        const auto* other = std::get_if<Remember>(&intents[next]);
        if (other != nullptr && other->memory.rule == memory->memory.rule) return true;
        if (other == nullptr && !std::holds_alternative<Report>(intents[next])) return false;
    }
    return false;
}

} // namespace nezuban
