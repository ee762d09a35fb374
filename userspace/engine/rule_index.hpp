// Which rules count this process, and what has to be known of it for that: asked for every event, so without going
// through all rules.
#pragma once

#include "core/process.hpp"
#include "rules/candidates.hpp"
#include "rules/needs_table.hpp"

#include <memory>
#include <span>
#include <vector>

namespace nezuban {

class Watch;

class RuleIndex {
public:
    RuleIndex() = default;
    explicit RuleIndex(std::span<const std::unique_ptr<Watch>> watches);

    // Appends those that match, in the order of the configuration.
    void matching(const Process& process, std::vector<Watch*>& out) const;
    // What those that could match ask for.
    [[nodiscard]] Needs needs_of(const Process& process) const {
        return needs_.of(process);
    }

private:
    std::vector<Watch*> watches_;
    Candidates candidates_;
    NeedsTable needs_;
};

} // namespace nezuban
