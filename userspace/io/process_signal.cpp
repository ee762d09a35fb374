#include "io/process_signal.hpp"

#include "io/fd.hpp"
#include "io/loop.hpp"
#include "io/process_state.hpp"
#include "io/unix_socket.hpp"

#include <cerrno>
#include <csignal>

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nezuban {

namespace {

// Who is to die has to get a processor for it, and in a storm hundreds want one: of 20,000 forks against a maximum of
// 500, most of those above it had their SIGKILL already. By number, which is given to somebody else only after all
// others have been given.
void hasten(std::uint32_t pid) {
    const sched_param lowest{.sched_priority = 1};
    ::sched_setscheduler(static_cast<pid_t>(pid), SCHED_RR, &lowest);
}

} // namespace

bool is_for_want(int error) {
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == EAGAIN;
}

std::expected<SignalTarget, int> SignalTarget::hold(const Identity& id) {
    // By number, because glibc has wrappers for these only since 2.36.
    Fd process(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(id.pid), 0U)));
    // That number is now a thread of somebody, or its process is just being reaped. The kernel calls that EINVAL, and a
    // newer one (seen on 6.18) ENOENT; taken for one that can't be ended, its place would be made by ending another.
    if (!process) return std::unexpected(errno == EINVAL || errno == ENOENT ? ESRCH : errno);
    // First the pidfd, then the look: if the look shows the right process, the pidfd, which is older and never follows
    // a number to its next owner, can't be of another one.
    static const std::uint64_t tick_ns = 1'000'000'000ULL / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
    const auto state = read_process_state(id.pid);
    SignalTarget target(std::move(process), id);
    // Its descriptor may have been the last one that could be had.
    if (!state && !target.gone_within(Duration::zero())) return std::unexpected(EAGAIN);
    if (!state || state->started != id.start_ns / tick_ns) return std::unexpected(ESRCH);
    // Whoever asked: what a signal does to one is up to the kernel's own code, which is not made for ours.
    if (state->kernel_thread) return std::unexpected(EPERM);
    return target;
}

int SignalTarget::send(int signal) const {
    if (::syscall(SYS_pidfd_send_signal, process_.get(), signal, nullptr, 0U) != 0) return errno;
    if (signal == SIGKILL) hasten(id_.pid);
    return 0;
}

bool SignalTarget::gone_within(Duration patience) const {
    return wait_ready(process_.get(), ready::in, patience);
}

} // namespace nezuban
