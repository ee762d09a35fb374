// A process with more threads than the helper programs make. Dies with us.
#pragma once

#include "../support/fd.hpp"

#include <csignal>
#include <stdexcept>

#include <fcntl.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nezuban::bench {

class ManyThreads {
public:
    explicit ManyThreads(int count, const char* name = "nzb-threads") {
        int ready[2];
        if (::pipe2(ready, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
        const test::Fd reader(ready[0]);
        test::Fd writer(ready[1]);
        const pid_t parent = ::getpid();
        pid_ = ::fork();
        if (pid_ < 0) throw std::runtime_error("fork");
        if (pid_ == 0) be_many(count, name, parent, writer.get());
        writer.close();
        char byte = 0;
        if (::read(reader.get(), &byte, 1) == 1) return;
        end();
        throw std::runtime_error("no process with so many threads");
    }
    ~ManyThreads() {
        end();
    }
    ManyThreads(const ManyThreads&) = delete;
    ManyThreads& operator=(const ManyThreads&) = delete;
    ManyThreads(ManyThreads&&) = delete;
    ManyThreads& operator=(ManyThreads&&) = delete;

    [[nodiscard]] pid_t pid() const {
        return pid_;
    }

private:
    static constexpr std::size_t small_stack = 64UL << 10U;
    static constexpr unsigned life_s = 120;

    [[noreturn]] static void be_many(int count, const char* name, pid_t parent, int ready) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(1);
        ::prctl(PR_SET_NAME, name);
        ::alarm(life_s);
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, small_stack);
        const auto idle = [](void*) -> void* {
            for (;;)
                ::pause();
        };
        for (int at = 1; at < count; ++at) {
            pthread_t thread{};
            if (pthread_create(&thread, &attributes, idle, nullptr) != 0) ::_exit(1);
        }
        (void)!::write(ready, "", 1);
        idle(nullptr);
        ::_exit(0);
    }
    void end() const {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }

    pid_t pid_ = -1;
};

} // namespace nezuban::bench
