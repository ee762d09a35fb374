// Whatever stands in the files of /proc that tell of one process or thread: what is read of them is what they can tell,
// and a line that says the same is read the same.
#include "io/frozen.hpp"
#include "io/proc_stat.hpp"
#include "io/proc_task.hpp"
#include "io/proc_thread.hpp"
#include "io/process_state.hpp"
#include "io/procfs.hpp"
#include "io/surroundings.hpp"
#include "io/syscall_names.hpp"
#include "io/syscall_shape.hpp"
#include "properties.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace {

using namespace nezuban;
using fuzz::require;

std::string line_of(const ProcStat& stat) {
    std::string between; // where the code is, and where the environment
    for (int field = 27; field < 50; ++field) {
        between += "0 ";
    }
    return fmt::format("{} ({}) {} {} 0 0 0 0 {} 0 0 0 0 {} {} 0 0 0 0 {} 0 {} 0 0 0 {} {}{} {} 0\n", stat.id,
                       stat.comm, stat.state, stat.ppid, stat.flags, stat.user_ticks, stat.system_ticks, stat.threads,
                       stat.start_ticks, stat.code, between, stat.environment_begin, stat.environment_end);
}

void try_stat(std::string_view text) {
    const auto stat = parse_stat(text);
    if (!stat) return;
    const auto line = line_of(*stat);
    const auto again = parse_stat(line);
    require(again && line_of(*again) == line);
    const auto state = process_state_in(line);
    require(state && state->letter == stat->state && state->started == stat->start_ticks
            && state->kernel_thread == stat->kernel_thread());
    const auto comm = comm_of(stat->comm, stat->kernel_thread());
    require(comm.size() <= 15 && stat->comm.starts_with(comm));
    require(!stat->dead() || stat->ending());
}

void try_syscall(std::string_view text) {
    const auto call = parse_syscall(text);
    if (!call) return;
    require(call->number >= 0 && fuzz::can_be_shown(fmt::format("{}", fmt::join(syscall_words(*call), ", "))));
    require(descriptor_of(*call).value_or(0) >= 0);
    require(!call->compat || (!descriptor_of(*call) && !may_wait_for_lock(*call)));
    const auto stack = call->compat ? "0x1000" : "0x7ffc00000000";
    const auto again =
        parse_syscall(fmt::format("{} 0x{:x} {} {}\n", call->number, fmt::join(call->args, " "), stack, stack));
    require(again == call);
}

void try_stack(std::string_view text) {
    const auto frames = parse_stack(text);
    require(frames.size() <= static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1);
    for (const auto& frame : frames) {
        require(!frame.empty() && frame.size() < text.size() && frame.find('\n') == std::string::npos);
    }
}

void try_status(std::string_view text) {
    const auto status = parse_process_status(text);
    if (!status) return;
    require(status->pid != 0 && status->comm.find('\n') == std::string::npos);
    const auto again =
        parse_process_status(fmt::format("Name:\t{}\nTgid:\t{}\nPPid:\t{}\nUid:\t1\t{}\t1\t1\nGid:\t1\t{}\t1\t1\n",
                                         status->comm, status->pid, status->ppid, status->uid, status->gid));
    require(again && again->pid == status->pid && again->ppid == status->ppid && again->uid == status->uid
            && again->gid == status->gid && again->comm == status->comm
            && again->kernel_thread == status->kernel_thread);
}

void try_cgroups(const std::string& text) {
    const auto paths = cgroup_paths(text);
    require(paths.size() <= text.size());
    std::string again;
    std::string_view rest(paths);
    while (!rest.empty()) {
        const auto path = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), path.size() + 1));
        if (path.ends_with(" (deleted)")) return; // of a group that is called so
        again += fmt::format("0::{}\n", path);
    }
    if (paths.ends_with('\n')) again += "0::\n"; // the root of a hierarchy that isn't ours
    require(cgroup_paths(again) == paths);
    const auto group = freezer_group(text);
    require(group.empty() || (group.starts_with('/') && group.find('\n') == std::string::npos));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    try_stat(text);
    try_syscall(text);
    try_stack(text);
    try_status(text);
    try_cgroups(text);
    return 0;
}
