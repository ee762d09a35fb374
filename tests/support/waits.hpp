// Scans on paper: threads that wait, sockets that fill, as the wait scan would have told them.
#pragma once

#include "core/wait.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace nezuban::test {

using namespace std::chrono_literals; // NOLINT(google-global-names-in-headers)

struct WaitBuilder {
    ThreadWait wait;

    // The leader of the process: its tid is the pid.
    explicit WaitBuilder(const Identity& process, std::uint32_t tid = 0) {
        wait.process = process;
        wait.thread = {.tid = tid == 0 ? process.pid : tid, .start_ns = process.start_ns + tid};
        wait.in_namespace = wait.thread.tid;
        wait.comm = "scand";
        wait.state = ThreadState::sleeping;
        wait.voluntary_switches = 7;
    }
    WaitBuilder& in(ThreadState state) {
        wait.state = state;
        return *this;
    }
    WaitBuilder& off_for(Duration duration) {
        wait.off_cpu = duration;
        return *this;
    }
    WaitBuilder& switched(std::uint64_t times) {
        wait.voluntary_switches = times;
        return *this;
    }
    WaitBuilder& unkillable() {
        wait.killable = false;
        return *this;
    }
    WaitBuilder& frozen() {
        wait.frozen = true;
        return *this;
    }
    WaitBuilder& calling(const std::string& name, const std::string& object = "") {
        wait.syscall = Syscall{.number = 1, .args = {}, .compat = false, .name = name};
        wait.object = object;
        return *this;
    }
    WaitBuilder& burning(Duration cpu, Duration system = 0s) {
        wait.state = ThreadState::running;
        wait.on_cpu = true;
        wait.cpu = cpu;
        wait.system = system;
        return *this;
    }
    // owner 0: unknown.
    WaitBuilder& waiting_for(std::uint64_t lock, std::uint32_t owner, LockKind kind = LockKind::mutex) {
        wait.syscall = Syscall{.number = 202, .args = {lock, 128, 2, 0, 0, 0}, .compat = false, .name = "futex"};
        wait.lock = LockWait{.address = lock, .kind = kind, .owner_tid = owner, .owner_pid = wait.process.pid};
        return *this;
    }
    WaitBuilder& at_most(std::uint64_t limit) {
        wait.syscall->args[3] = limit;
        return *this;
    }
    operator ThreadWait() const { // NOLINT(google-explicit-constructor): reads as the list that it stands in
        return wait;
    }
};

inline SocketQueue listening_socket(const Identity& owner, std::uint32_t length, std::uint64_t mark,
                                    const std::string& local = "127.0.0.1:25") {
    return {.owner = owner,
            .fd = 4,
            .inode = 4711,
            .network_namespace = 1,
            .kind = SocketKind::tcp_listening,
            .length = length,
            .limit = 128,
            .mark = mark,
            .accepts = true,
            .local = local};
}

inline WaitScan scan_of(std::vector<ThreadWait> threads, std::vector<SocketQueue> sockets = {}) {
    return {.threads = std::move(threads), .sockets = std::move(sockets), .sockets_seen = true};
}

} // namespace nezuban::test
