#include "io/children.hpp"

#include "io/errno.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <string>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nezuban {

namespace {

constexpr int strays_at_once = 1000;
constexpr int pipe_bytes = 256 * 1024; // a burst of output that isn't read at once should not be dropped

} // namespace

std::optional<ChildEnd> look_at_child(std::uint32_t pid) {
    siginfo_t info{};
    int outcome = 0;
    do {
        outcome = ::waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT);
    } while (outcome != 0 && errno == EINTR);
    if (outcome != 0) return ChildEnd{.exit_code = -1};
    if (info.si_pid == 0) return std::nullopt;
    if (info.si_code == CLD_EXITED) return ChildEnd{.exit_code = info.si_status};
    return ChildEnd{.signal = info.si_status};
}

void reap_child(std::uint32_t pid) {
    while (::waitpid(static_cast<pid_t>(pid), nullptr, WNOHANG) < 0 && errno == EINTR) {
    }
}

bool reap_strays(const std::function<bool(std::uint32_t pid)>& known) {
    for (int count = 0; count < strays_at_once; ++count) {
        // A look first: waitpid(-1) could take the end of a child that died after it was asked about.
        siginfo_t info{};
        if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return true;
        auto pid = static_cast<std::uint32_t>(info.si_pid);
        if (known(pid)) return false;
        reap_child(pid);
    }
    return false;
}

void signal_group(std::uint32_t pid, int signal) {
    if (pid <= 1) return; // kill(-1) would be everybody, kill(0) ourselves
    auto leader = static_cast<pid_t>(pid);
    if (::kill(-leader, signal) != 0 && errno == ESRCH) ::kill(leader, signal);
}

Result<OutputPipe> output_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return fail_errno("creating a pipe");
    Fd reader(ends[0]);
    Fd writer(ends[1]);
    ::fcntl(writer.get(), F_SETPIPE_SZ, pipe_bytes); // best effort
    // A service started by a restart command keeps this as its output for its whole life, which may be longer than
    // ours. Opened for reading, too, the pipe never lacks a reader, so nobody is ever killed by SIGPIPE; and
    // non-blocking, a pipe that nobody empties swallows no process for ever: the output is dropped (EAGAIN) instead.
    // We still see the end: it has come when the last one who could write is gone, and we can't.
    Fd theirs(::open(("/proc/self/fd/" + std::to_string(writer.get())).c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!theirs) return fail_errno("opening the command's side of a pipe");
    return OutputPipe{.ours = std::move(reader), .theirs = std::move(theirs)};
}

} // namespace nezuban
