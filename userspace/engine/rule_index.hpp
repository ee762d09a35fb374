// Which rules could count this process: asked for every event, so rules that name a comm are found by it, and those
// about kernel threads are asked about kernel threads alone.
#pragma once

#include "core/process.hpp"

#include <string>
#include <unordered_map>
#include <vector>

namespace nezuban {

class Watch;

class RuleIndex {
public:
    void add(Watch* watch);

    // Appends those that match.
    void matching(const Process& process, std::vector<Watch*>& out) const;
    // What those that could match ask for.
    [[nodiscard]] Needs needs_of(const Process& process) const;

private:
    template <typename Each> void for_candidates(const Process& process, Each each) const;

    std::unordered_map<std::string, std::vector<Watch*>> by_comm_;
    std::vector<Watch*> others_;
    std::vector<Watch*> kernel_threads_; // those of rules that are about kernel threads
};

} // namespace nezuban
