// What surrounds the processes that `explain` looks at: kin, rules, and what a running daemon knows of them.
#pragma once

#include "core/finding.hpp"
#include "core/result.hpp"
#include "core/spec.hpp"
#include "core/surroundings.hpp"
#include "core/time.hpp"
#include "io/errand.hpp"
#include "probe/features.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace nezuban {

struct Known {
    Surroundings around;
    std::vector<std::string> rules; // that match it
};

// Whose pids are these by now? Asked in a child: command lines can't be read while a dead disk holds the process'
// memory locked, and who a user is may have to be asked over a network.
class SceneErrand {
public:
    static Result<SceneErrand> send(const std::vector<std::uint32_t>& pids, const std::string& config);
    // Those that are missing were not found out about by then.
    std::map<std::uint32_t, Known> wait(Time deadline);

private:
    explicit SceneErrand(Errand errand) : errand_(std::move(errand)) {}
    Errand errand_;
};

// Rules as far as they can be read without asking anybody who a user is. None: no such file, or it has errors.
[[nodiscard]] std::vector<RuleSpec> rules_for_thresholds(const std::string& config);

// Findings of a running daemon, by pid; none when none answers within the time.
[[nodiscard]] std::map<std::uint32_t, std::vector<Finding>> findings_of_daemon(const std::string& socket,
                                                                               Duration patience);

// The processes that a rule matches right now, oldest first.
[[nodiscard]] Result<std::vector<std::uint32_t>> processes_of(const Features& features, const RuleSpec& rule);

} // namespace nezuban
