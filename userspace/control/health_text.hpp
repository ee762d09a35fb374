// What the daemon publishes for `health`: a line for each rule and group, tab between the fields. A line of a kind that
// is not known is skipped, and so are fields after those that are.
//
//   config  /etc/nezuban/nezuban.toml
//   blind   why nothing here can be trusted               (only then)
//   ended   it ended with exit code 10: scanner: ...      (only as last words)
//   rule    NAME STATE COUNT MIN MAX|- failed|mending|- WHY
//   group   NAME STATE MEMBER...
//   end
#pragma once

#include "core/result.hpp"
#include "core/view.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace nezuban {

struct HealthText {
    EngineView view;    // names, states, counts, limits, failed and mending; reason says all that findings would
    std::string config; // the configuration that the daemon runs on, an absolute path
    std::string blind;
    std::string ended;
};

[[nodiscard]] std::string to_text(const HealthText& health);

// How long that text can become as long as rules and groups stay the same.
[[nodiscard]] std::size_t longest_text(const HealthText& health);

// Never throws. A text without its end is an error.
[[nodiscard]] Result<HealthText> parse_health_text(std::string_view text);

} // namespace nezuban
