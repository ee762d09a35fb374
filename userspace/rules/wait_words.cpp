#include "rules/wait_words.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include <fmt/format.h>

namespace nezuban {

namespace {

bool one_of(std::string_view name, std::initializer_list<std::string_view> names) {
    return std::ranges::find(names, name) != names.end();
}

std::string behind_descriptor(const ThreadWait& wait) {
    if (!wait.object.empty()) return wait.object;
    return fmt::format("descriptor {}", static_cast<std::int32_t>(wait.syscall->args[0]));
}

Purpose lock_purpose(const ThreadWait& wait) {
    const auto& lock = *wait.lock;
    if (lock.kind == LockKind::join)
        return {.what = WaitsFor::join, .text = fmt::format("waiting for the end of tid {}", lock.owner_tid)};
    const auto what = fmt::format("waiting for {} {:#x}", name_of(lock.kind), lock.address);
    if (lock.owner_tid == wait.thread.tid) return {.what = WaitsFor::lock, .text = what + " that it holds itself"};
    if (lock.owner_tid != 0)
        return {.what = WaitsFor::lock, .text = fmt::format("{} held by tid {}", what, lock.owner_tid)};
    return {.what = WaitsFor::lock, .text = fmt::format("{} held by {} readers", what, lock.readers)};
}

// A condition variable, a semaphore, a pool's queue: nobody "owns" what these wait for.
Purpose wakeup_purpose(const ThreadWait& wait) {
    constexpr std::uint32_t contended =
        2; // what many locks hold while somebody waits; condition variables of glibc don't
    const auto& call = *wait.syscall;
    if (call.name == "futex" && static_cast<std::uint32_t>(call.args[2]) == contended)
        return {.what = WaitsFor::wakeup,
                .text = fmt::format("waiting to be woken on futex {:#x}, perhaps a lock; its owner can't be told",
                                    call.args[0])};
    return {.what = WaitsFor::wakeup, .text = "waiting for work (to be woken by another thread)"};
}

Purpose child_purpose(const ThreadWait& wait, const Surroundings& around) {
    const auto& call = *wait.syscall;
    // waitid(P_PID, pid): the pid is one of its own namespace, where ours may be another number.
    const auto wanted =
        static_cast<std::int32_t>(call.name == "waitid" ? (call.args[0] == 1 ? call.args[1] : 0) : call.args[0]);
    const auto& children = around.children;
    const bool same_names = wait.in_namespace == wait.thread.tid;
    const auto named = std::ranges::find_if(children, [&](const Relative& child) {
        return same_names && wanted > 0 && child.pid == static_cast<std::uint32_t>(wanted);
    });
    const auto* child = named != children.end() ? &*named : (children.size() == 1 ? &children.front() : nullptr);
    if (child != nullptr)
        return {.what = WaitsFor::child, .text = fmt::format("waiting for its child {} ({})", child->pid, child->comm)};
    if (children.empty()) return {.what = WaitsFor::child, .text = "waiting for a child"};
    return {.what = WaitsFor::child, .text = fmt::format("waiting for one of its {} children", children.size())};
}

Purpose events_purpose(std::string_view how, const Surroundings& around) {
    if (!around.listening.empty())
        return {.what = WaitsFor::connections, .text = "waiting for connections on " + listed(around.listening)};
    return {.what = WaitsFor::events, .text = fmt::format("waiting for events ({})", how)};
}

Purpose accept_purpose(const ThreadWait& wait, const Surroundings& around) {
    const auto fd = static_cast<std::uint32_t>(wait.syscall->args[0]);
    const auto found = std::ranges::find(around.listening, fd, &ListeningSocket::fd);
    return {.what = WaitsFor::connections,
            .text = "waiting for connections on "
                    + (found != around.listening.end() ? found->local : behind_descriptor(wait))};
}

std::optional<Purpose> socket_or_file(const ThreadWait& wait, const Surroundings& around) {
    const auto& name = wait.syscall->name;
    if (one_of(name, {"accept", "accept4"})) return accept_purpose(wait, around);
    if (one_of(name, {"read", "readv", "pread64", "preadv", "preadv2", "recvfrom", "recvmsg", "recvmmsg"}))
        return Purpose{.what = WaitsFor::data, .text = "waiting for data from " + behind_descriptor(wait)};
    if (one_of(name, {"write", "writev", "pwrite64", "pwritev", "pwritev2", "sendto", "sendmsg", "sendmmsg", "sendfile",
                      "splice"}))
        return Purpose{.what = WaitsFor::room, .text = "waiting for room to write to " + behind_descriptor(wait)};
    if (name == "connect")
        return Purpose{.what = WaitsFor::data,
                       .text = "waiting for an answer to its connect on " + behind_descriptor(wait)};
    constexpr std::uint64_t set_lock_and_wait = 7; // F_SETLKW
    constexpr std::uint64_t ofd_set_lock_and_wait = 38;
    const auto command = wait.syscall->args[1];
    if (name == "flock" || (name == "fcntl" && (command == set_lock_and_wait || command == ofd_set_lock_and_wait)))
        return Purpose{.what = WaitsFor::kernel, .text = "waiting for a file lock on " + behind_descriptor(wait)};
    return std::nullopt;
}

Purpose in_syscall(const ThreadWait& wait, const Surroundings& around) {
    const auto& call = *wait.syscall;
    const auto& name = call.name;
    if (auto found = socket_or_file(wait, around)) return *found;
    if (one_of(name, {"epoll_wait", "epoll_pwait", "epoll_pwait2"})) return events_purpose("epoll", around);
    const bool poll = one_of(name, {"poll", "ppoll"});
    if (poll || one_of(name, {"select", "pselect6"})) {
        // poll(NULL, 0, …) and select(0, …) are how old programs sleep.
        if (call.args[poll ? 1 : 0] == 0) return {.what = WaitsFor::timer, .text = "sleeping for a time"};
        return events_purpose(poll ? "poll" : "select", around);
    }
    if (one_of(name, {"futex", "futex_wait", "futex_waitv"})) return wakeup_purpose(wait);
    if (one_of(name, {"nanosleep", "clock_nanosleep"})) return {.what = WaitsFor::timer, .text = "sleeping for a time"};
    if (one_of(name, {"wait4", "waitid"})) return child_purpose(wait, around);
    if (one_of(name, {"pause", "rt_sigsuspend", "rt_sigtimedwait"}))
        return {.what = WaitsFor::signal, .text = "waiting for a signal"};
    if (one_of(name, {"msgrcv", "mq_timedreceive"})) return {.what = WaitsFor::data, .text = "waiting for a message"};
    if (one_of(name, {"msgsnd", "mq_timedsend"}))
        return {.what = WaitsFor::room, .text = "waiting for room in a message queue"};
    if (one_of(name, {"semop", "semtimedop"}))
        return {.what = WaitsFor::wakeup, .text = "waiting for a System V semaphore"};
    if (one_of(name, {"io_getevents", "io_pgetevents", "io_uring_enter"}))
        return {.what = WaitsFor::events, .text = "waiting for I/O to complete"};
    if (name == "restart_syscall") return {.what = WaitsFor::kernel, .text = "in a wait that was interrupted once"};
    if (name.empty()) return {.what = WaitsFor::kernel, .text = fmt::format("in system call {}", call.number)};
    return {.what = WaitsFor::kernel, .text = "in " + name};
}

Purpose uninterruptible(const ThreadWait& wait) {
    if (!wait.syscall)
        return {.what = WaitsFor::kernel,
                .text = std::string(wait.kernel_thread ? "waiting in the kernel"
                                                       : "waiting in the kernel, not for a system call")
                        + (wait.device.empty() ? "" : ", for " + wait.device)};
    if (one_of(wait.syscall->name, {"vfork", "clone", "clone3"}))
        return {.what = WaitsFor::child, .text = "waiting for its vfork child to execute or exit"};
    const auto& what = wait.object.empty() ? wait.device : wait.object;
    return {.what = WaitsFor::kernel,
            .text = what.empty() ? "waiting in the kernel" : "waiting in the kernel for " + what};
}

} // namespace

bool waits_for_lock(const ThreadWait& wait) {
    return wait.lock && wait.lock->kind != LockKind::join && (wait.lock->owner_tid != 0 || wait.lock->readers != 0);
}

std::string listed(const std::vector<ListeningSocket>& sockets) {
    constexpr std::size_t shown_max = 3;
    std::vector<std::string_view> names;
    for (const auto& socket : sockets) {
        if (std::ranges::find(names, std::string_view(socket.local)) == names.end()) names.emplace_back(socket.local);
    }
    std::string text;
    for (std::size_t i = 0; i < names.size() && i < shown_max; ++i)
        text += fmt::format("{}{}", i == 0 ? "" : ", ", names[i]);
    if (names.size() > shown_max) text += fmt::format(" and {} more", names.size() - shown_max);
    return text;
}

Purpose purpose_of(const ThreadWait& wait, const Surroundings& around) {
    switch (wait.state) {
    case ThreadState::running: return {.what = WaitsFor::nothing, .text = wait.on_cpu ? "running" : "ready to run"};
    case ThreadState::stopped: return {.what = WaitsFor::resumption, .text = "stopped"};
    case ThreadState::traced:
        return {.what = WaitsFor::resumption,
                .text = wait.tracer_pid == 0
                            ? "held by a debugger"
                            : fmt::format("held by its debugger {} ({})", wait.tracer_pid, wait.tracer_comm)};
    case ThreadState::zombie:
    case ThreadState::dead: return {.what = WaitsFor::end, .text = "has ended"};
    case ThreadState::idle: return {.what = WaitsFor::wakeup, .text = "waiting for work"};
    case ThreadState::parked: return {.what = WaitsFor::wakeup, .text = "parked"};
    case ThreadState::uninterruptible:
    case ThreadState::sleeping: break;
    }
    if (wait.frozen) return {.what = WaitsFor::resumption, .text = "frozen"};
    if (wait.lock && (wait.lock->owner_tid != 0 || wait.lock->readers != 0)) return lock_purpose(wait);
    if (wait.state == ThreadState::uninterruptible) return uninterruptible(wait);
    if (wait.kernel_thread) return {.what = WaitsFor::wakeup, .text = "waiting for work"};
    if (!wait.syscall && wait.kernel_stack.empty())
        return {.what = WaitsFor::kernel, .text = "asleep; the kernel doesn't tell on what"};
    if (!wait.syscall) return {.what = WaitsFor::kernel, .text = "waiting in the kernel, not for a system call"};
    return in_syscall(wait, around);
}

} // namespace nezuban
