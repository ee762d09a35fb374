// What the command line asks for.
#pragma once

#include "control/health.hpp"
#include "core/time.hpp"
#include "probe/features.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nezuban {

struct Options {
    std::string verb;

    // Of every verb.
    std::string config = "/etc/nezuban/nezuban.toml";
    std::optional<std::string> socket; // absent: what the configuration says
    bool json = false;

    std::vector<std::string> names;              // match, status, health, pause, resume, restart, reset
    HealthStyle style = HealthStyle::clusterpro; // health
    std::optional<Duration> hold;                // --for: pause, record, doctor
    std::string file;                            // record, replay
    std::string target;                          // explain
    bool stacks = false;                         // explain
    Without without;                             // run, match, explain, record, doctor
    bool follow = false;                         // events, like the rest
    std::string since;                           // a date or a duration
    std::string rule;
    std::optional<std::uint32_t> last; // -n
};

} // namespace nezuban
