// A line of /proc/PID/mountinfo, as far as it is of interest.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace nezuban {

struct Mount {
    std::string id;     // as fdinfo tells it
    std::string device; // "7:0"
    std::string root;   // of the file system, what is mounted of it
    std::string place;
    std::string type;
    std::string source;
};

// Absent: not such a line.
[[nodiscard]] std::optional<Mount> parse_mount(std::string_view line);

} // namespace nezuban
