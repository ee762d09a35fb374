// From the kill of a watched process to its restart command running: the victim is killed here, and the command writes
// the time at which it ran into a pipe.
#pragma once

#include "../support/child.hpp"
#include "../support/leash.hpp"
#include "../support/temp_dir.hpp"
#include "bench.hpp"

#include <string>
#include <vector>

#include <spawn.h>

namespace nezuban::bench {

// The named pipe that nzmark writes to.
class Mark {
public:
    explicit Mark(const std::string& path)
        : fifo_(path), reader_(test::Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC))) {}

    [[nodiscard]] std::vector<std::string> command() const {
        return {test::program("nzmark"), fifo_.path()};
    }
    // When the command ran.
    long long next_ns() {
        return std::stoll(reader_.next(test::after()).value());
    }

private:
    test::Leash fifo_; // held open for writing too: the reader sees no end between two commands
    test::LineReader reader_;
};

// What is measured against: a program that does nothing but wait on the pidfd of the process it was told, spawn the
// command when that ends, and wait for it. It is a process of its own, as the daemon is.
class BareWatcher {
public:
    explicit BareWatcher(const std::vector<std::string>& command) {
        int ends[2];
        int answers[2];
        if (::pipe2(ends, O_CLOEXEC) != 0 || ::pipe2(answers, O_CLOEXEC) != 0) test::fail_with_errno("pipe");
        const pid_t parent = ::getpid();
        pid_ = ::fork();
        if (pid_ < 0) test::fail_with_errno("fork");
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::close(ends[1]);
            if (::getppid() == parent) watch(ends[0], answers[1], command);
            ::_exit(0);
        }
        ::close(ends[0]);
        ::close(answers[1]);
        orders_ = test::Fd(ends[1]);
        answers_ = test::Fd(answers[0]);
    }
    ~BareWatcher() {
        orders_.close();
        ::waitpid(pid_, nullptr, 0);
    }
    BareWatcher(const BareWatcher&) = delete;
    BareWatcher& operator=(const BareWatcher&) = delete;
    BareWatcher(BareWatcher&&) = delete;
    BareWatcher& operator=(BareWatcher&&) = delete;

    // Returns when it holds the pidfd.
    void watch_next(pid_t victim) const {
        char ready = 0;
        if (::write(orders_.get(), &victim, sizeof victim) != sizeof victim) test::fail_with_errno("write");
        if (::read(answers_.get(), &ready, 1) != 1) test::fail_with_errno("the bare watcher ended");
    }

private:
    static void watch(int orders, int answers, const std::vector<std::string>& command) {
        std::vector<char*> argv;
        for (const auto& word : command)
            argv.push_back(const_cast<char*>(word.c_str()));
        argv.push_back(nullptr);
        for (pid_t victim = 0; ::read(orders, &victim, sizeof victim) == sizeof victim;) {
            const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, victim, 0));
            pollfd entry{.fd = pidfd, .events = POLLIN, .revents = 0};
            if (pidfd < 0 || ::write(answers, "!", 1) != 1) return;
            while (::poll(&entry, 1, -1) < 0 && errno == EINTR) {
            }
            pid_t child = 0;
            if (::posix_spawn(&child, argv[0], nullptr, nullptr, argv.data(), environ) != 0) return;
            ::waitpid(child, nullptr, 0);
            ::close(pidfd);
        }
    }

    pid_t pid_ = -1;
    test::Fd orders_;
    test::Fd answers_;
};

// Microseconds from just before the kill until the command ran. The victim is reaped after the measurement.
inline double kill_and_await(test::Child& victim, Mark& mark) {
    const long long begin = monotonic_ns();
    victim.signal(SIGKILL);
    const long long end = mark.next_ns();
    victim.wait();
    return static_cast<double>(end - begin) / 1e3;
}

inline double measure_bare(const BareWatcher& watcher, Mark& mark) {
    auto victim = test::start_program("nzidle");
    watcher.watch_next(victim.pid());
    return kill_and_await(victim, mark);
}

} // namespace nezuban::bench
