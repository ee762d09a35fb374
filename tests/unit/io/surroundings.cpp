#include "io/surroundings.hpp"

#include "io/proc_threads.hpp"

#include <algorithm>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace nezuban;

namespace {

std::uint32_t self() {
    return static_cast<std::uint32_t>(::getpid());
}

struct Listening {
    int fd;
    std::uint16_t port = 0;

    explicit Listening(std::uint32_t address) : fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in where{};
        where.sin_family = AF_INET;
        where.sin_addr.s_addr = htonl(address);
        socklen_t size = sizeof where;
        REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&where), size) == 0);
        REQUIRE(::listen(fd, 1) == 0);
        REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&where), &size) == 0);
        port = ntohs(where.sin_port);
    }
    ~Listening() {
        ::close(fd);
    }
    Listening(const Listening&) = delete;
    Listening& operator=(const Listening&) = delete;
    Listening(Listening&&) = delete;
    Listening& operator=(Listening&&) = delete;
};

} // namespace

TEST_CASE("a process is found by any of its threads, with its owner and its parent") {
    const auto status = process_status(self());
    REQUIRE(status);
    CHECK(status->pid == self());
    CHECK(status->ppid == static_cast<std::uint32_t>(::getppid()));
    CHECK(status->uid == ::geteuid());
    CHECK(status->gid == ::getegid());
    CHECK_FALSE(status->kernel_thread);
    CHECK_FALSE(process_status(0x7fffffff));
}

TEST_CASE("where a process listens is found out, and any address is told by its port alone") {
    const Listening local(INADDR_LOOPBACK);
    const Listening any(INADDR_ANY);
    const auto around = read_surroundings(self());
    const auto has = [&](int fd, const std::string& text) {
        return std::ranges::find(around.listening, ListeningSocket{.fd = static_cast<std::uint32_t>(fd), .local = text})
               != around.listening.end();
    };
    CHECK(has(local.fd, fmt::format("127.0.0.1:{}", local.port)));
    CHECK(has(any.fd, fmt::format(":{}", any.port)));
    CHECK(around.pid == self());
    CHECK(around.parent.pid == static_cast<std::uint32_t>(::getppid()));
    CHECK_FALSE(around.args.empty());
}

TEST_CASE("of somebody who isn't there nothing is known") {
    const auto around = read_surroundings(0x7fffffff);
    CHECK(around.comm.empty());
    CHECK(around.listening.empty());
    CHECK(around.children.empty());
    CHECK(read_threads(0x7fffffff).empty());
}

TEST_CASE("threads of a process that BPF can't see are read from /proc") {
    const auto threads = read_threads(self());
    REQUIRE_FALSE(threads.empty());
    const auto& own = threads.front();
    CHECK(own.process.pid == self());
    CHECK(own.thread.tid == self());
    CHECK(own.process.start_ns != 0);
    CHECK(own.state == ThreadState::running);
    CHECK_FALSE(own.comm.empty());
    CHECK(own.voluntary_switches + own.forced_switches > 0);
}
