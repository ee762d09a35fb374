#include "io/syscall_shape.hpp"

#include <doctest/doctest.h>
#include <linux/futex.h>
#include <sys/syscall.h>

using namespace nezuban;

namespace {

std::optional<int> descriptor(std::int64_t number, std::array<std::uint64_t, 6> args, bool compat = false) {
    return descriptor_of({.number = number, .args = args, .compat = compat});
}

} // namespace

TEST_CASE("a system call that may wait on a descriptor says on which, on every architecture") {
    for (const auto number : {SYS_read, SYS_write, SYS_fsync, SYS_flock, SYS_ioctl, SYS_recvmsg, SYS_accept4,
                              SYS_connect, SYS_epoll_pwait, SYS_io_uring_enter})
        CHECK(descriptor(number, {7, 8, 9, 0, 0, 0}) == 7);
#if defined(__x86_64__)
    CHECK(descriptor(SYS_epoll_wait, {7, 8, 9, 0, 0, 0}) == 7); // younger architectures have epoll_pwait alone
#endif
}

TEST_CASE("of sendfile the file that is read is told, not where it goes to") {
    CHECK(descriptor(SYS_sendfile, {7, 8, 0, 0, 0, 0}) == 8);
}

TEST_CASE("a call that works on no descriptor, or on one that can't be, has none") {
    CHECK_FALSE(descriptor(SYS_futex, {7, 0, 0, 0, 0, 0}));
    CHECK_FALSE(descriptor(SYS_openat, {7, 0, 0, 0, 0, 0}));
    CHECK_FALSE(descriptor(SYS_read, {0xffffffffULL, 0, 0, 0, 0, 0}));
    CHECK_FALSE(descriptor(-1, {7, 0, 0, 0, 0, 0}));
}

TEST_CASE("a lock may be what a thread waits for whose futex isn't 0, or who asks the kernel for one") {
    const auto may = [](std::uint64_t operation, std::uint64_t value, bool compat = false) {
        return may_wait_for_lock(
            {.number = SYS_futex, .args = {0x1000, operation | FUTEX_PRIVATE_FLAG, value, 0, 0, 0}, .compat = compat});
    };
    CHECK(may(FUTEX_WAIT, 2));
    CHECK(may(FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 2));
    CHECK(may(FUTEX_LOCK_PI, 0));
    CHECK_FALSE(may(FUTEX_WAIT, 0)); // a condition variable
    CHECK_FALSE(may(FUTEX_WAIT, 1ULL << 32U));
    CHECK_FALSE(may(FUTEX_WAKE, 1));
    CHECK_FALSE(may(FUTEX_WAIT, 2, true));
    CHECK_FALSE(may_wait_for_lock({.number = SYS_read, .args = {1, 0, 2, 0, 0, 0}}));
}

TEST_CASE("the numbers of a 32-bit program mean other calls, so nothing is made of them") {
    CHECK_FALSE(descriptor(SYS_read, {7, 0, 0, 0, 0, 0}, true));
}
