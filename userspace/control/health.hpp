// One exit code and one line for a cluster manager or a monitoring system, in the codes that it understands.
//
//   style       healthy  failed                           cannot tell
//   clusterpro  0        1                                2
//   ocf         0        1; 7 when all is cleanly absent  1, and 2 for an unknown name
//   nagios      0        2; 1 while a restart is under way 3
//   keepalived  0        1                                1
//   lsb         0        1; 3 when all is cleanly absent  4
//
// Failed is a rule that no restart can or will mend any more (RuleView::failed); until then local restarts are
// given their chance, and the cluster is told that all is well. A rule that isn't judged yet has not failed.
//
// Cleanly absent is a rule that has not failed, is not being mended, counts no process and is content with that:
// because it is paused, or because it allows none (count.min = 0). A service that ought to run and doesn't is not
// clean: it failed or is being restarted.
#pragma once

#include "core/view.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nezuban {

// Who asks decides what the exit codes mean.
enum class HealthStyle { clusterpro, ocf, nagios, keepalived, lsb };

[[nodiscard]] std::string_view name_of(HealthStyle style);
[[nodiscard]] std::optional<HealthStyle> health_style_named(std::string_view name);

struct Health {
    int exit_code = 0;
    std::string line; // without a newline

    friend bool operator==(const Health&, const Health&) = default;
};

// names: rules or groups; none: all rules. blind: DaemonView::blind, not empty when the view can't be trusted.
[[nodiscard]] Health health_of(const EngineView& view, const std::vector<std::string>& names, HealthStyle style,
                               std::string_view blind = {});

// Why, and what was found to hang: "hung: tid 77 in D for 41 s ...". A reason may say it already.
[[nodiscard]] std::string why_not_well(const RuleView& rule);

// The answer when there is no view to judge: the daemon is dead, hung, of another user.
[[nodiscard]] Health health_unknown(HealthStyle style, std::string_view why);

} // namespace nezuban
