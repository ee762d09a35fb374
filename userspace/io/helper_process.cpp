#include "io/helper_process.hpp"

#include <cerrno>
#include <csignal>

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nezuban {

namespace {

// glibc 2.36 has no P_PIDFD in its idtype_t under every feature set; the kernel's number is 3.
constexpr auto by_pidfd = static_cast<idtype_t>(3);

bool still_a_child(int pidfd, int options) {
    siginfo_t info{};
    int outcome = 0;
    do {
        outcome = ::waitid(by_pidfd, static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG | options);
    } while (outcome != 0 && errno == EINTR);
    return outcome == 0 && ((options & WNOWAIT) != 0 || info.si_pid == 0);
}

} // namespace

HelperProcess::HelperProcess(std::uint32_t pid) {
    Fd opened(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0U)));
    if (opened && still_a_child(opened.get(), WNOWAIT)) pidfd_ = std::move(opened);
}

void HelperProcess::kill() const {
    if (pidfd_) ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0U);
}

bool HelperProcess::ended() {
    if (pidfd_ && !still_a_child(pidfd_.get(), 0)) pidfd_.reset();
    return !pidfd_;
}

void run_among_others(int niceness) {
    const sched_param none{};
    ::sched_setscheduler(0, SCHED_OTHER, &none);
    ::setpriority(PRIO_PROCESS, 0, niceness);
}

} // namespace nezuban
