// What `explain` has found out about one process.
#pragma once

#include "core/finding.hpp"
#include "core/surroundings.hpp"
#include "rules/hang_memory.hpp"
#include "rules/verdict.hpp"

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace nezuban {

struct Explanation {
    std::uint32_t asked = 0; // pid or tid
    Surroundings around;
    Verdict verdict;
    std::vector<Finding> findings;
    std::vector<SeenThread> threads; // all of it
    std::vector<SeenThread> owners;  // threads of others, whose locks it waits for
    std::vector<SeenSocket> sockets; // with work in their queue; `last` is held by this process
    std::vector<std::string> rules;  // that match it
    std::vector<std::string> notes;  // what could not be found out, and what is worth knowing
    Time now;
    ClockPair clocks;
};

// A screen of text (80 by 24, a little more when it hangs), the verdict first. stacks: kernel stacks of all threads,
// however many lines that takes.
void print_explanation(const Explanation& explanation, bool stacks, std::ostream& out); // explain_text.cpp
// "77 (scand): idle: waiting for ..."
[[nodiscard]] std::string explanation_line(const Explanation& explanation);

[[nodiscard]] nlohmann::ordered_json explanation_json(const Explanation& explanation); // explain_json.cpp

} // namespace nezuban
