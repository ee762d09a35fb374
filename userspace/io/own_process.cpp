#include "io/own_process.hpp"

#include "io/errno.hpp"
#include "io/fd.hpp"

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nezuban {

namespace {

constexpr int own_nice = -10;

// Locking under a limit would be worse than not locking: every later allocation beyond the limit would fail.
bool may_lock_any_amount() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY) return true;
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{}; // NOLINT(modernize-avoid-c-arrays): the kernel's shape
    if (::syscall(SYS_capget, &header, data) != 0) return false;
    return (data[CAP_TO_INDEX(CAP_IPC_LOCK)].effective & CAP_TO_MASK(CAP_IPC_LOCK)) != 0;
}

} // namespace

std::uint32_t own_pid() {
    return static_cast<std::uint32_t>(::getpid());
}

std::uint32_t own_uid() {
    return ::geteuid();
}

void set_own_name(const char* name) {
    ::prctl(PR_SET_NAME, name);
}

void repeat_own_name() {
    constexpr std::size_t name_size = 16;
    std::array<char, name_size> name{};
    if (::prctl(PR_GET_NAME, name.data()) == 0) ::prctl(PR_SET_NAME, name.data());
}

bool run_ahead() {
    const sched_param lowest{.sched_priority = 1};
    return ::sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &lowest) == 0;
}

std::string hide_from_oom_killer() {
    constexpr std::string_view score = "-1000";
    Fd fd(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
    if (fd && ::write(fd.get(), score.data(), score.size()) == static_cast<ssize_t>(score.size())) return {};
    return "hiding from the OOM killer: " + errno_text(errno);
}

std::vector<std::string> harden() {
    std::vector<std::string> failures;
    if (!may_lock_any_amount()) {
        failures.emplace_back("locking memory: neither CAP_IPC_LOCK nor an unlimited memlock limit");
    } else if (::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) {
        // On fault: the whole of every library and ring would be resident otherwise.
        failures.push_back("locking memory: " + errno_text(errno));
    }
    if (auto failure = hide_from_oom_killer(); !failure.empty()) failures.push_back(failure);
    // Refused where a cgroup has no real-time share (RT_GROUP_SCHED): then at least this.
    if (!run_ahead() && ::setpriority(PRIO_PROCESS, 0, own_nice) != 0) {
        failures.push_back("raising the priority: " + errno_text(errno));
    }
    return failures;
}

bool stderr_is_journal() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    if (stream == nullptr) return false;
    struct stat info{};
    unsigned long long device = 0;
    unsigned long long inode = 0;
    if (std::sscanf(stream, "%llu:%llu", &device, &inode) != 2) return false;
    return ::fstat(STDERR_FILENO, &info) == 0 && info.st_dev == device && info.st_ino == inode;
}

} // namespace nezuban
