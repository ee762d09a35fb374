#include "io/frozen.hpp"

#include "io/proc_files.hpp"

#include <algorithm>
#include <string>

namespace nezuban {

bool waits_frozen(std::string_view where) {
    return where.find("refrigerator") != where.npos || where.find("freezer_trap") != where.npos;
}

std::string_view freezer_group(std::string_view cgroups) {
    while (!cgroups.empty()) {
        auto line = cgroups.substr(0, cgroups.find('\n'));
        cgroups.remove_prefix(std::min(cgroups.size(), line.size() + 1));
        line.remove_prefix(std::min(line.size(), line.find(':'))); // the hierarchy's number
        if (line.starts_with(":freezer:/")) return line.substr(line.find('/'));
    }
    return {};
}

bool in_frozen_cgroup(std::uint32_t pid) {
    auto process = ProcFolder::of_process(pid);
    if (!process || !*process) return false;
    const auto groups = (*process)->read("cgroup");
    if (!groups || !*groups) return false;
    const auto group = freezer_group(**groups);
    if (group.empty()) return false;
    auto folder = ProcFolder::open(("/sys/fs/cgroup/freezer" + std::string(group)).c_str());
    if (!folder || !*folder) return false;
    const auto state = (*folder)->read("freezer.state");
    return state && *state && !(*state)->starts_with("THAWED");
}

} // namespace nezuban
