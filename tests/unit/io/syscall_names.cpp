#include "io/syscall_names.hpp"

#include <doctest/doctest.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <sys/wait.h>

using namespace nezuban;

namespace {

using Words = std::vector<std::string>;

Words words(std::int64_t number, std::array<std::uint64_t, 6> args, bool compat = false) {
    return syscall_words({.number = number, .args = args, .compat = compat});
}

} // namespace

TEST_CASE("a system call is known by its name, and what is none has no name") {
    CHECK(syscall_name(SYS_read) == "read");
    CHECK(syscall_name(SYS_futex) == "futex");
    CHECK(syscall_name(-1).empty());
    CHECK(syscall_name(1'000'000).empty());
    CHECK(syscall_name(std::int64_t{1} << 40U).empty());
}

TEST_CASE("a 32-bit program counts its system calls in its own way") {
#ifdef __x86_64__
    CHECK(syscall_name(3, true) == "read");
    CHECK(syscall_name(240, true) == "futex");
#endif
    // Its arguments stand elsewhere, too: nothing is made of them.
    CHECK(words(3, {3, 0x1000, 4096, 0, 0, 0}, true) == Words{"3", "0x1000", "0x1000", "0", "0", "0"});
}

TEST_CASE("arguments are told as what they are") {
    CHECK(words(SYS_read, {3, 0x7f00, 4096, 9, 9, 9}) == Words{"fd 3", "0x7f00", "4096"});
    CHECK(words(SYS_futex, {0x55aa, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 2, 0, 0xdead, 0xbeef})
          == Words{"0x55aa", "FUTEX_WAIT|PRIVATE", "2", "no timeout"});
    CHECK(words(SYS_futex, {0x55aa, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0x80000001, 0x7fff, 0, 0})
          == Words{"0x55aa", "FUTEX_WAIT_BITSET|CLOCK_REALTIME", "0x80000001", "timeout at 0x7fff"});
    CHECK(words(SYS_epoll_pwait, {5, 0x1000, 64, 0xffffffffULL, 0, 8})
          == Words{"fd 5", "0x1000", "64", "no timeout", "NULL"});
    CHECK(words(SYS_wait4, {~0ULL, 0, WNOHANG | WUNTRACED, 0, 0, 0})
          == Words{"-1", "NULL", "WNOHANG|WUNTRACED", "NULL"});
    CHECK(words(SYS_openat, {static_cast<std::uint64_t>(-100), 0x10, 0x80000, 0, 0, 0})
          == Words{"AT_FDCWD", "0x10", "0x80000", "0"});
    CHECK(words(SYS_kill, {77, 15, 0, 0, 0, 0}) == Words{"77", "SIGTERM"});
}

TEST_CASE("the upper half of a register that holds a descriptor is not looked at") {
    CHECK(words(SYS_read, {0xdead00000003ULL, 0, 1, 0, 0, 0}) == Words{"fd 3", "NULL", "1"});
}

TEST_CASE("of a call that nobody knows all arguments are shown") {
    CHECK(words(1'000'000, {1, 2, 3, 4, 5, 0x60}).size() == 6);
}
