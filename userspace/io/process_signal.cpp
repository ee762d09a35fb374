#include "io/process_signal.hpp"

#include "io/fd.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string_view>

#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nezuban {

namespace {

constexpr int start_field = 22; // of /proc/PID/stat, counted from 1 as in proc(5)

// Start of the process that carries this pid now, in clock ticks since boot. Absent: none does.
std::optional<std::uint64_t> start_ticks(std::uint32_t pid) {
    std::array<char, 32> path{};
    std::snprintf(path.data(), path.size(), "/proc/%u/stat", pid);
    Fd fd(::open(path.data(), O_RDONLY | O_CLOEXEC));
    if (!fd) return std::nullopt;
    std::array<char, 1024> text{};
    auto size = ::read(fd.get(), text.data(), text.size());
    if (size <= 0) return std::nullopt;
    std::string_view rest(text.data(), static_cast<std::size_t>(size));
    auto name_end = rest.rfind(')'); // the name before it may contain anything, also blanks and brackets
    if (name_end == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(name_end + 1);
    for (int field = 2; field < start_field; ++field) {
        auto blank = rest.find(' ');
        if (blank == std::string_view::npos) return std::nullopt;
        rest.remove_prefix(blank + 1);
    }
    std::uint64_t ticks = 0;
    if (std::from_chars(rest.data(), rest.data() + rest.size(), ticks).ec != std::errc()) return std::nullopt;
    return ticks;
}

// Who is to die has to get a processor for it, and in a storm hundreds want one: of 20,000 forks against a maximum of
// 500, most of those above it had their SIGKILL already. By number, which is given to somebody else only after all
// others have been given.
void hasten(std::uint32_t pid) {
    const sched_param lowest{.sched_priority = 1};
    ::sched_setscheduler(static_cast<pid_t>(pid), SCHED_RR, &lowest);
}

} // namespace

int signal_process(Identity id, int signal) {
    // By number, because glibc has wrappers for these only since 2.36.
    Fd process(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(id.pid), 0U)));
    if (!process) return errno == EINVAL ? ESRCH : errno; // EINVAL: that number is now a thread of somebody
    // First the pidfd, then the look: if the look shows the right process, the pidfd, which is older and never follows
    // a number to its next owner, can't be of another one.
    static const std::uint64_t tick_ns = 1'000'000'000ULL / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
    if (start_ticks(id.pid) != id.start_ns / tick_ns) return ESRCH;
    if (::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0U) != 0) return errno;
    if (signal == SIGKILL) hasten(id.pid);
    return 0;
}

} // namespace nezuban
