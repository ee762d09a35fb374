#include "io/proc_task.hpp"

#include "io/proc_files.hpp"
#include "io/proc_stat.hpp"
#include "io/proc_thread.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nezuban {

namespace {

constexpr std::size_t longest_comm = 15;

// "Uid:\treal\teffective\t...": the number in that column of the line. 0 for a line that isn't there.
std::uint32_t number_in(std::string_view text, std::string_view key, int column) {
    const auto line = text.find(key);
    if (line == std::string_view::npos) return 0;
    text.remove_prefix(line + key.size());
    for (; column > 0; --column) {
        text.remove_prefix(std::min(text.size(), text.find_first_not_of("\t ")));
        if (column > 1) text.remove_prefix(std::min(text.size(), text.find_first_of("\t\n")));
    }
    std::uint32_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

// Whether any thread but the leader will still run its program.
Result<bool> others_live(std::uint32_t pid) {
    auto tids = ProcNumbers::threads_of(pid);
    if (!tids) return std::unexpected(tids.error());
    auto folder = ProcFolder::tasks_of(pid);
    if (!folder) return std::unexpected(folder.error());
    while (*folder) {
        const auto tid = tids->next();
        if (!tid) return std::unexpected(tid.error());
        if (!*tid) return false;
        if (**tid == pid) continue;
        const auto stat = ProcThread(**folder, **tid).stat();
        if (!stat) return std::unexpected(stat.error());
        if (*stat && !(*stat)->ending()) return true;
    }
    return false;
}

// Whether a thread of its may wait for a child of vfork to execute something. Then it executes nothing itself: that
// would have ended its other threads.
bool waits_for_child(std::uint32_t pid) {
    auto tids = ProcNumbers::threads_of(pid);
    auto folder = ProcFolder::tasks_of(pid);
    if (!tids || !folder || !*folder) return false;
    for (auto tid = tids->next(); tid && *tid; tid = tids->next()) {
        const auto where = ProcThread(**folder, **tid).wchan();
        // wait_for_vfork_done may be inlined into its caller.
        if (where.empty() || where.find("vfork") != where.npos || where.find("kernel_clone") != where.npos) return true;
    }
    return false;
}

} // namespace

// A worker's name goes on with what it works on ("kworker/0:1-events"), others' with what didn't fit (since 5.17).
std::string_view comm_of(std::string_view shown, bool kernel_thread) {
    if (!kernel_thread) return shown.substr(0, longest_comm);
    if (shown.starts_with("kworker/")) {
        if (const auto colon = shown.find(':'); colon != std::string_view::npos)
            shown = shown.substr(0, shown.find_first_of("-+", colon));
    }
    return shown.substr(0, longest_comm);
}

Result<std::optional<ProcTask>> read_task(std::uint32_t pid) {
    auto folder = ProcFolder::of_process(pid);
    if (!folder) return std::unexpected(folder.error());
    if (!*folder) return std::nullopt;
    const auto read = read_stat(**folder, "stat");
    if (!read) return std::unexpected(read.error());
    if (!*read) return std::nullopt;
    const auto& stat = *read;
    const auto text = (*folder)->read("status");
    if (!text) return std::unexpected(text.error());
    // A thread's number names a folder, too, that isn't listed.
    if (!*text || number_in(**text, "\nTgid:", 1) != pid) return std::nullopt;
    ProcTask task{.told = {.process = {.id = {.pid = pid, .start_ns = start_ns(*stat)},
                                       .ppid = stat->ppid,
                                       .uid = number_in(**text, "\nUid:", 2),
                                       .gid = number_in(**text, "\nGid:", 2),
                                       .kernel_thread = stat->kernel_thread(),
                                       .comm = std::string(comm_of(stat->comm, stat->kernel_thread()))}},
                  .executed = stat->executed()};
    if (!stat->ending()) return task;
    const auto others = stat->threads > 1 ? others_live(pid) : Result<bool>(false);
    if (!others) return std::unexpected(others.error());
    task.told.dying = !*others;
    task.told.zombie = !*others && stat->dead();
    return task;
}

Result<Remains> what_remains(const Identity& id) {
    auto folder = ProcFolder::of_process(id.pid);
    if (!folder) return std::unexpected(folder.error());
    if (!*folder) return Remains::nothing;
    const auto read = read_stat(**folder, "stat");
    if (!read) return std::unexpected(read.error());
    const auto& stat = *read;
    if (!stat || start_ns(*stat) != id.start_ns) return Remains::nothing;
    if (!stat->ending()) return Remains::leader;
    const auto others = stat->threads > 1 ? others_live(id.pid) : Result<bool>(false);
    if (!others) return std::unexpected(others.error());
    return *others ? Remains::threads : Remains::nothing;
}

bool borrows_memory(const ProcTask& child, std::uint32_t parent) {
    if (child.executed || child.told.process.kernel_thread) return false;
    // To compare them takes a lock that is held while a program is executed, for ever if a dead disk holds that up. The
    // parent holds it only when it doesn't wait; the child for microseconds, unless its files to be closed are there.
    if (!waits_for_child(parent)) return false;
    const auto pid = static_cast<pid_t>(child.told.process.id.pid);
    return ::syscall(SYS_kcmp, pid, static_cast<pid_t>(parent), KCMP_VM, 0UL, 0UL) == 0;
}

} // namespace nezuban
