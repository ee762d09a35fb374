#include "io/zygote.hpp"

#include "core/identity.hpp"
#include "io/alterable.hpp"
#include "io/clock.hpp"
#include "io/fd.hpp"
#include "io/own_process.hpp"
#include "io/process_signal.hpp"
#include "io/signals.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nezuban::zygote {

namespace {

constexpr int may_not_execute = 126;
constexpr int cannot_execute = 127;
constexpr int out_of_the_way = 64; // descriptors wait here, above all their final places
constexpr int last_signal = 64;
constexpr Duration longest_leaving = std::chrono::seconds(10); // who isn't gone by then is stuck

// What systemd tells the daemon alone. A command with NOTIFY_SOCKET could declare the daemon stopped.
constexpr std::array<std::string_view, 7> private_names{
    "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "JOURNAL_STREAM"};

std::string_view name_in(const char* variable) {
    std::string_view text(variable);
    return text.substr(0, text.find('='));
}

void close_from(int first) {
    if (::syscall(SYS_close_range, static_cast<unsigned>(first), ~0U, 0U) == 0) return;
    // Some container runtimes' system call filters don't know it.
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    auto end = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 65536));
    for (int fd = first; fd < end; ++fd)
        ::close(fd);
}

struct Command {
    Request head;
    std::vector<char*> argv;
    std::vector<char*> environment;
    std::vector<Fd> descriptors;
    std::vector<Identity> after;
};

// Splits what was received; the strings stay in `bytes`. False: it isn't one of ours.
bool parse(std::vector<char>& bytes, std::size_t size, Command& command) {
    if (size < sizeof command.head || bytes[size - 1] != '\0') return false;
    std::memcpy(&command.head, bytes.data(), sizeof command.head);
    std::size_t at = sizeof command.head + command.head.after * sizeof(Identity);
    if (command.head.after > after_limit || size < at) return false;
    command.after.resize(command.head.after);
    if (!command.after.empty()) // nothing may not even be copied to nowhere
        std::memcpy(command.after.data(), bytes.data() + sizeof command.head, at - sizeof command.head);
    std::vector<char*> added;
    for (std::uint32_t i = 0; i < command.head.argc + command.head.envc; ++i) {
        if (at >= size) return false;
        (i < command.head.argc ? command.argv : added).push_back(&bytes[at]);
        at += std::strlen(&bytes[at]) + 1;
    }
    if (command.argv.empty() || command.descriptors.size() < 2) return false;
    for (char** variable = environ; *variable != nullptr; ++variable) {
        auto name = name_in(*variable);
        bool replaced = std::ranges::any_of(added, [&](const char* text) { return name_in(text) == name; });
        bool hidden = command.head.own == 0 && std::ranges::find(private_names, name) != private_names.end();
        if (!replaced && !hidden) command.environment.push_back(*variable);
    }
    command.environment.insert(command.environment.end(), added.begin(), added.end());
    command.environment.push_back(nullptr);
    command.argv.push_back(nullptr);
    return true;
}

void reset_signals() {
    // By system call: glibc refuses to touch the two signals that it uses itself, and somebody who started us may
    // have ignored them.
    std::array<unsigned long, 8> fresh{}; // the kernel's struct sigaction, all zero: default, no flags
    for (int signal = 1; signal <= last_signal; ++signal) {
        ::syscall(SYS_rt_sigaction, signal, fresh.data(), nullptr, sizeof(std::uint64_t));
    }
    std::uint64_t none = 0;
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none);
}

void show_to_oom_killer() {
    Fd fd(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
    if (!fd) return;
    [[maybe_unused]] auto size = ::write(fd.get(), "0", 1);
}

void answer(int socket, const Reply& reply) {
    while (::send(socket, &reply, sizeof reply, MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
}

[[noreturn]] void give_up(const char* program, int error) {
    ::dprintf(STDERR_FILENO, "nezuban: cannot execute %s: %s\n", program, std::strerror(error));
    ::_exit(cannot_execute);
}

// What was in order when the configuration was read may not be so any more. Looked at here, where nobody waits for a
// disk but the command itself; and what is executed is what was looked at.
std::string guarded_program(const Command& command) {
    std::vector<std::string> argv(command.argv.begin(), command.argv.end() - 1); // without the null
    auto program = find_program(argv.front());
    if (!program) give_up(command.argv[0], ENOENT); // by its bare name it might be found after all, unlooked-at
    argv.front() = std::move(*program);
    if (const auto weakness = weakness_of_command(argv, insiders())) {
        ::dprintf(STDERR_FILENO, "nezuban: not executed: %s could be altered by others: %s\n", command.argv[0],
                  tell(*weakness).c_str());
        ::_exit(may_not_execute);
    }
    return argv.front();
}

// Whose end is told is not gone yet: its files, locks and ports are closed a moment later, on a busy machine tens of
// milliseconds, with much memory seconds. Here, where that holds up nobody but the command.
void await_the_gone(const std::vector<Identity>& leaving) {
    const auto deadline = monotonic_now() + longest_leaving;
    for (const auto& id : leaving) {
        const auto patience = std::max(deadline - monotonic_now(), Duration::zero());
        if (const auto process = SignalTarget::hold(id); process && !process->gone_within(patience)) return;
    }
}

// In the new child: everything but the program.
[[noreturn]] void become(Command& command, int socket) {
    // By the child itself, too: of a spawner that is killed just after the fork nobody would know that there is one,
    // and the command would be started again. The socket's end is seen only when all who have it are gone.
    answer(socket, {.token = command.head.token, .pid = static_cast<std::uint32_t>(::getpid())});
    ::setsid();
    if (command.head.own == 0) show_to_oom_killer();
    errno = 0;
    if (::getpriority(PRIO_PROCESS, 0) < 0) ::setpriority(PRIO_PROCESS, 0, 0);
    std::vector<int> waiting;
    waiting.reserve(command.descriptors.size());
    for (auto& fd : command.descriptors)
        waiting.push_back(::fcntl(fd.get(), F_DUPFD, out_of_the_way));
    ::dup2(waiting[0], STDIN_FILENO);
    ::dup2(waiting[1], STDOUT_FILENO);
    ::dup2(waiting[1], STDERR_FILENO);
    int next = STDERR_FILENO + 1;
    for (std::size_t i = 2; i < waiting.size(); ++i)
        ::dup2(waiting[i], next++);
    close_from(next);
    reset_signals();
    await_the_gone(command.after);
    const auto program = command.head.guarded != 0 && ::geteuid() == 0 ? guarded_program(command) : command.argv[0];
    ::execvpe(program.c_str(), command.argv.data(), command.environment.data());
    give_up(command.argv[0], errno);
}

// Size of the message; 0 at the end.
std::size_t receive(int socket, std::vector<char>& bytes, std::vector<Fd>& descriptors) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(descriptor_limit * sizeof(int))> control{};
    iovec piece{.iov_base = bytes.data(), .iov_len = bytes.size()};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    ssize_t size = 0;
    do {
        size = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
        // The daemon's death with an answer of ours unread shows once as ECONNRESET; what it had asked for still comes.
    } while (size < 0 && (errno == EINTR || errno == ECONNRESET));
    if (size <= 0) return 0;
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        auto count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
            descriptors.emplace_back(fd);
        }
    }
    return static_cast<std::size_t>(size);
}

void settle_in(int& socket) {
    ::setsid(); // a Ctrl-C in the daemon's terminal is the daemon's affair
    ignore_signals();
    set_own_name("nezuban-spawner");
    [[maybe_unused]] auto failure = hide_from_oom_killer();
    ::umask(022);
    if (::chdir("/") != 0) ::_exit(cannot_execute);
    ::setenv("PATH", usual_path, 0);
    Fd moved(::fcntl(socket, F_DUPFD, out_of_the_way));
    Fd null(::open("/dev/null", O_RDWR));
    for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        ::dup2(null.get(), fd);
    socket = STDERR_FILENO + 1;
    ::dup3(moved.get(), socket, O_CLOEXEC);
    [[maybe_unused]] int closed_below = null.release() + moved.release();
    close_from(socket + 1);
}

} // namespace

void serve(int socket) {
    settle_in(socket);
    std::vector<char> bytes(message_limit);
    for (;;) {
        Command command;
        auto size = receive(socket, bytes, command.descriptors);
        if (size == 0) ::_exit(0);
        bool understood = parse(bytes, size, command);
        Reply reply{.token = command.head.token, .error = EINVAL};
        if (understood) {
            // CLONE_PARENT: the child is the daemon's, which alone can wait for it. It brings the exit signal of this
            // process, SIGCHLD, with it.
            auto pid = ::syscall(SYS_clone, CLONE_PARENT | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
            if (pid == 0) become(command, socket);
            reply.error = pid < 0 ? errno : 0;
            reply.pid = pid < 0 ? 0 : static_cast<std::uint32_t>(pid);
        }
        command.descriptors.clear(); // before the answer: whoever gets it may rely on the command's end closing them
        answer(socket, reply);       // a second one, which is ignored, unless the child was killed before its own
    }
}

} // namespace nezuban::zygote
