#include "io/process_state.hpp"

#include "io/clock.hpp"
#include "io/own_process.hpp"

#include <csignal>

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nezuban;

TEST_CASE("a process knows its own state and start, which never changes") {
    const auto self = read_process_state(own_pid());
    REQUIRE(self.has_value());
    CHECK(self->letter == 'R');
    CHECK(self->alive());
    CHECK(self->started > 0);
    CHECK(read_process_state(own_pid())->started == self->started);
}

TEST_CASE("a child is seen to be stopped, to be a zombie and to be gone") {
    const auto child = ::fork();
    if (child == 0) {
        ::raise(SIGSTOP);
        ::_exit(0);
    }
    const auto pid = static_cast<std::uint32_t>(child);
    ::waitpid(child, nullptr, WUNTRACED);
    CHECK(read_process_state(pid)->letter == 'T');
    CHECK(read_process_state(pid)->alive());
    ::kill(child, SIGCONT);
    siginfo_t ended{};
    ::waitid(P_PID, pid, &ended, WEXITED | WNOWAIT);
    CHECK(read_process_state(pid)->letter == 'Z');
    CHECK_FALSE(read_process_state(pid)->alive());
    ::waitpid(child, nullptr, 0);
    CHECK_FALSE(read_process_state(pid).has_value());
}

TEST_CASE("we are as old as the time since our start, and grow older") {
    const auto ticks = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
    const auto started = std::chrono::seconds{read_process_state(own_pid())->started / ticks};
    const auto age = own_age();
    CHECK(age > Duration::zero());
    CHECK(age + started <= since_boot());
    CHECK(own_age() >= age);
}

TEST_CASE("a kernel thread is known as one") {
    const auto state = process_state_in("8 (nfsd) I 2 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0 0\n");
    REQUIRE(state.has_value());
    CHECK(state->kernel_thread);
    CHECK(state->started == 4711);
}

TEST_CASE("a name can't pretend to be a state") {
    const auto state = process_state_in("7 (x) Z 1 (y) R 1 7 7 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 4711 1 1 1\n");
    REQUIRE(state.has_value());
    CHECK(state->letter == 'R');
    CHECK(state->started == 4711);
    CHECK_FALSE(state->kernel_thread);
    for (const auto* text :
         {"", "7 (x", "7 (x)", "7 (x) R", "7 (x) R 1 2 3", "7 (x) R 1 7 7 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 x"}) {
        CAPTURE(text);
        CHECK_FALSE(process_state_in(text).has_value());
    }
}
