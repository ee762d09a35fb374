#include "io/examine.hpp"

#include "io/clock.hpp"
#include "io/helper_process.hpp"
#include "io/shared_word.hpp"
#include "io/syscall_shape.hpp"
#include "io/threads.hpp"
#include "support/child.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nezuban;
using namespace nezuban::test;
using namespace std::chrono_literals;

namespace {

const auto self = static_cast<std::uint32_t>(::getpid());

std::uint64_t address_of(const void* place) {
    return reinterpret_cast<std::uint64_t>(place);
}

// A child that waits until it is let go.
struct Waiting {
    pid_t pid = ::fork();
    Waiting() {
        if (pid == 0) {
            for (;;)
                ::pause();
        }
    }
    ~Waiting() {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
    }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
};

std::string described(const test::Fd& fd) {
    return describe_descriptor(self, fd.get());
}

} // namespace

TEST_CASE("memory is read as it was wished for, piece by piece, whoever's it is") {
    const std::string first = "the first of all";
    const std::string second = "another one";
    const Waiting child; // has our memory as it was
    const auto pid = static_cast<std::uint32_t>(child.pid);
    const std::vector<MemoryWish> wishes{{.pid = self, .address = address_of(first.data()), .size = 16},
                                         {.pid = pid, .address = address_of(second.data()), .size = 11},
                                         {.pid = self, .address = address_of(first.data()) + 4, .size = 5}};
    const auto found = read_memory(wishes);
    CHECK(found == std::vector<std::string>{first, second, "first"});
}

TEST_CASE("what can't be read is empty, and everything beside it is there") {
    const std::string text = "x is here";
    const MemoryWish good{.pid = self, .address = address_of(text.data()), .size = 9};
    const MemoryWish bad{.pid = self, .address = 16, .size = 8};
    const MemoryWish nobody{.pid = 0x3fff'ffff, .address = 4096, .size = 8};
    CHECK(read_memory({}).empty());
    const auto found = read_memory(std::vector{bad, good, bad, bad, nobody, good, bad, nobody, good, bad});
    REQUIRE(found.size() == 10);
    for (std::size_t i = 0; i < found.size(); ++i) {
        CAPTURE(i);
        const bool is_good = i == 1 || i == 5 || i == 8;
        CHECK(found[i] == (is_good ? text : ""));
    }
    const MemoryWish too_large{.pid = self, .address = address_of(text.data()), .size = 65};
    const MemoryWish nothing{.pid = self, .address = address_of(text.data()), .size = 0};
    CHECK(read_memory(std::vector{too_large, nothing, good}) == std::vector<std::string>{"", "", text});
}

TEST_CASE("a piece that reaches into a missing page is missing as a whole") {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    auto* two =
        static_cast<char*>(::mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    REQUIRE(two != MAP_FAILED);
    REQUIRE(::munmap(two, page) == 0);
    std::memcpy(two + page, "begin", 5);
    const std::vector<MemoryWish> wishes{{.pid = self, .address = address_of(two + page), .size = 5},
                                         {.pid = self, .address = address_of(two + page - 16), .size = 64},
                                         {.pid = self, .address = address_of(two + page), .size = 5}};
    CHECK(read_memory(wishes) == std::vector<std::string>{"begin", "", "begin"});
    ::munmap(two + page, page);
}

TEST_CASE("more wishes than one call takes are all granted") {
    std::vector<std::uint32_t> numbers(5000);
    std::vector<MemoryWish> wishes;
    for (std::uint32_t i = 0; i < numbers.size(); ++i) {
        numbers[i] = i;
        const bool bad = i % 700 == 699;
        wishes.push_back({.pid = self, .address = bad ? 16 : address_of(&numbers[i]), .size = sizeof numbers[i]});
    }
    const auto found = read_memory(wishes);
    REQUIRE(found.size() == numbers.size());
    for (std::uint32_t i = 0; i < numbers.size(); ++i) {
        CAPTURE(i);
        if (i % 700 == 699) {
            REQUIRE(found[i].empty());
        } else {
            REQUIRE(found[i] == std::string(reinterpret_cast<const char*>(&i), sizeof i));
        }
    }
}

TEST_CASE("a file is named with the device that it lies on") {
    TempDir scratch;
    scratch.write("a file", "");
    const test::Fd file(::open((scratch / "a file").c_str(), O_RDONLY | O_CLOEXEC));
    const auto text = described(file);
    CHECK(text.starts_with(scratch / "a file" + " on "));
    const test::Fd device(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    CHECK(described(device) == "/dev/null");
    const test::Fd proc(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
    CHECK(described(proc).ends_with("/status on proc"));
    const test::Fd memory(static_cast<int>(::memfd_create("some memory", MFD_CLOEXEC)));
    CHECK(described(memory) == "/memfd:some memory (deleted)");
}

TEST_CASE("what is no file has a name of its own") {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const test::Fd reading(ends[0]);
    const test::Fd writing(ends[1]);
    CHECK(described(reading).starts_with("pipe:["));
    CHECK(described(reading) == described(writing));
    CHECK(described(test::Fd(::epoll_create1(EPOLL_CLOEXEC))) == "epoll");
    CHECK(described(test::Fd(::eventfd(0, EFD_CLOEXEC))) == "eventfd");
    CHECK(describe_descriptor(self, 9999).empty());
    CHECK(describe_descriptor(0x3fff'ffff, 0).empty());
}

TEST_CASE("a socket is named by its addresses") {
    const test::Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(listener.get(), generic, size) == 0);
    REQUIRE(::listen(listener.get(), 1) == 0);
    REQUIRE(::getsockname(listener.get(), generic, &size) == 0);
    const auto server = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    CHECK(described(listener) == "socket " + server + " (listening)");
    const test::Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(client.get(), generic, size) == 0);
    REQUIRE(::getsockname(client.get(), generic, &size) == 0);
    const auto peer = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    CHECK(described(client) == "socket " + peer + " <- " + server);
    const test::Fd datagrams(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    REQUIRE(::bind(datagrams.get(), generic, size) == 0);
    CHECK(described(datagrams) == "socket " + peer);

    TempDir scratch;
    const test::Fd local(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    CHECK(described(local).starts_with("socket:["));
    sockaddr_un place{};
    place.sun_family = AF_UNIX;
    (scratch / "s").copy(place.sun_path, sizeof place.sun_path - 1);
    REQUIRE(::bind(local.get(), reinterpret_cast<sockaddr*>(&place), sizeof place) == 0);
    CHECK(described(local) == "socket " + (scratch / "s"));
}

TEST_CASE("an address of six is written as one") {
    const test::Fd listener(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_addr = in6addr_loopback;
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (listener.get() < 0 || ::bind(listener.get(), generic, size) != 0) SKIP("there is no IPv6 here");
    REQUIRE(::listen(listener.get(), 1) == 0);
    REQUIRE(::getsockname(listener.get(), generic, &size) == 0);
    CHECK(described(listener) == "socket [::1]:" + std::to_string(ntohs(address.sin6_port)) + " (listening)");
}

TEST_CASE("a file tells when it was last touched, one that isn't there why it doesn't") {
    TempDir scratch;
    scratch.write("beat", "");
    const timespec times[2]{{.tv_sec = 1000, .tv_nsec = 5}, {.tv_sec = 2000, .tv_nsec = 7}};
    REQUIRE(::utimensat(AT_FDCWD, (scratch / "beat").c_str(), times, 0) == 0);
    const auto touched = last_touched(scratch / "beat");
    CHECK(touched.when == WallTime(2000s + 7ns));
    CHECK(touched.error.empty());
    const auto missing = last_touched(scratch / "none");
    CHECK_FALSE(missing.when);
    CHECK(missing.error == scratch / "none" + ": No such file or directory");
}

TEST_CASE(
    "a file of a far future is one of the future, and one of a far past of the past, also where nanoseconds overflow") {
    TempDir scratch;
    scratch.write("beat", "");
    const auto touched_at = [&](std::int64_t seconds) {
        const timespec times[2]{{.tv_sec = seconds, .tv_nsec = 0}, {.tv_sec = seconds, .tv_nsec = 0}};
        REQUIRE(::utimensat(AT_FDCWD, (scratch / "beat").c_str(), times, 0) == 0);
        return last_touched(scratch / "beat").when.value();
    };
    // The file system may keep the last time that it knows instead: of ext4 the year 2446, which overflows as well.
    CHECK(touched_at(14'000'000'000) > WallTime(2'000'000'000s));
    CHECK(touched_at(99'999'999'999) > WallTime(2'000'000'000s));
    CHECK(touched_at(-99'999'999'999) < WallTime(0s));
}

TEST_CASE("a thread belongs to its process, a dead one to nobody") {
    std::uint32_t tid = 0;
    std::optional<std::uint32_t> process;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> threads;
    std::thread([&] {
        tid = static_cast<std::uint32_t>(::syscall(SYS_gettid));
        process = process_of(tid);
        threads = threads_of(self);
    }).join();
    CHECK(process == self);
    const auto is_it = [&](const auto& pair) { return pair.second == tid; };
    CHECK(std::ranges::count_if(threads, is_it) == 1);
    CHECK(own_pid_namespace() != 0);
    CHECK_FALSE(process_of(0x3fff'ffff));
    CHECK(threads_of(0x3fff'ffff).empty());

    const pid_t zombie = ::fork();
    if (zombie == 0) ::_exit(0);
    siginfo_t info{};
    REQUIRE(::waitid(P_PID, static_cast<id_t>(zombie), &info, WEXITED | WNOWAIT) == 0);
    CHECK_FALSE(process_of(static_cast<std::uint32_t>(zombie)));
    ::waitpid(zombie, nullptr, 0);
}

TEST_CASE("only calls that work on one descriptor have one") {
    CHECK(descriptor_of({.number = SYS_read, .args = {7}}) == 7);
    CHECK(descriptor_of({.number = SYS_sendfile, .args = {7, 8}}) == 8);
    CHECK(descriptor_of({.number = SYS_epoll_pwait, .args = {3}}) == 3);
    CHECK_FALSE(descriptor_of({.number = SYS_read, .args = {static_cast<std::uint64_t>(-1)}}));
    CHECK_FALSE(descriptor_of({.number = SYS_read, .args = {7}, .compat = true}));
    CHECK_FALSE(descriptor_of({.number = SYS_futex, .args = {7}}));
    CHECK_FALSE(descriptor_of({.number = SYS_openat, .args = {7}}));
    CHECK_FALSE(descriptor_of({.number = -1, .args = {7}}));
}

TEST_CASE("a helper that was ended is let go, somebody else's pid is left alone") {
    const pid_t pid = ::fork();
    if (pid == 0) {
        for (;;)
            ::pause();
    }
    HelperProcess helper(static_cast<std::uint32_t>(pid));
    CHECK_FALSE(helper.ended());
    helper.kill();
    REQUIRE(wait_readable(open_pidfd(pid).get(), after()));
    CHECK(helper.ended());
    CHECK(::waitpid(pid, nullptr, WNOHANG) < 0);
    HelperProcess stranger(static_cast<std::uint32_t>(::getppid()));
    CHECK(stranger.ended());
    stranger.kill();
    CHECK(HelperProcess().ended());
}

TEST_CASE("what one process writes into a shared word another one reads") {
    auto word = SharedWord::create().value();
    CHECK(word.load() == 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
        auto theirs = SharedWord::open(word.file().duplicate());
        if (theirs) theirs->store(0x1234'5678'9abc'def0);
        ::_exit(0);
    }
    ::waitpid(pid, nullptr, 0);
    CHECK(word.load() == 0x1234'5678'9abc'def0);
    CHECK_FALSE(SharedWord::open(nezuban::Fd()));
}
