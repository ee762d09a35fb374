// What the kernel offers to tests: all it has, but what NEZUBAN_WITHOUT withholds ("task-storage,tp-btf"), so that the
// same stories are told with each fallback.
#pragma once

#include "probe/features.hpp"

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace nezuban::test {

// Empty: nothing is withheld.
inline std::string withheld() {
    const char* names = std::getenv("NEZUBAN_WITHOUT");
    return names == nullptr ? "" : names;
}

inline const Features& features() {
    static const Features found = [] {
        auto without = parse_without(withheld());
        if (!without) throw std::runtime_error("NEZUBAN_WITHOUT: " + without.error().text);
        return probe_features(*without);
    }();
    return found;
}

} // namespace nezuban::test
