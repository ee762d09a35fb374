// What the kernel offers to tests: all it has, but what NEZUBAN_WITHOUT withholds ("task-storage,tp-btf"), so that the
// same stories are told with each fallback.
#pragma once

#include "probe/features.hpp"
#include "skip.hpp"

#include <cstdlib>
#include <stdexcept>
#include <string>

// What only the programs tell: senders, execs of who is gone by now, the exact time of a start.
#define NEEDS_PROGRAMS(what)                                                                                           \
    if (!nezuban::test::have_programs()) SKIP(nezuban::test::untold(what))
// Births and ends as they happen.
#define NEEDS_EVENTS()                                                                                                 \
    if (nezuban::test::features().mode == nezuban::Mode::polling) SKIP(nezuban::test::untold("births and ends"))

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

inline bool have_programs() {
    return features().mode == Mode::bpf;
}

inline std::string untold(const std::string& what) {
    return "mode " + std::string(name_of(features().mode)) + ": nothing tells " + what;
}

} // namespace nezuban::test
