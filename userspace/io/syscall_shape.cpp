#include "io/syscall_shape.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include <linux/futex.h>
#include <sys/syscall.h>

namespace nezuban {

namespace {

// Those that may wait, with the descriptor as their first argument.
constexpr auto on_first = std::to_array<std::int64_t>({
    SYS_read,         SYS_write,           SYS_pread64,   SYS_pwrite64,   SYS_readv,      SYS_writev,
    SYS_preadv,       SYS_pwritev,         SYS_preadv2,   SYS_pwritev2,   SYS_fsync,      SYS_fdatasync,
    SYS_syncfs,       SYS_sync_file_range, SYS_ftruncate, SYS_fallocate,  SYS_fadvise64,  SYS_readahead,
    SYS_lseek,        SYS_fstat,           SYS_fstatfs,   SYS_fchmod,     SYS_fchown,     SYS_fchdir,
    SYS_getdents64,   SYS_flock,           SYS_fcntl,     SYS_ioctl,      SYS_close,      SYS_recvfrom,
    SYS_recvmsg,      SYS_recvmmsg,        SYS_sendto,    SYS_sendmsg,    SYS_sendmmsg,   SYS_accept,
    SYS_accept4,      SYS_connect,         SYS_shutdown,  SYS_setsockopt, SYS_getsockopt, SYS_bind,
    SYS_listen,       SYS_epoll_pwait,     SYS_splice,    SYS_tee,        SYS_vmsplice,   SYS_copy_file_range,
    SYS_epoll_pwait2, SYS_io_uring_enter,
#if defined(__x86_64__)
    SYS_epoll_wait,   SYS_getdents,
#endif
});

} // namespace

std::optional<int> descriptor_of(const Syscall& syscall) {
    if (syscall.compat) return std::nullopt;
    const bool second = syscall.number == SYS_sendfile; // the file is read; where it goes to is the first
    if (!second && std::ranges::find(on_first, syscall.number) == on_first.end()) return std::nullopt;
    const auto fd = static_cast<std::int32_t>(syscall.args.at(second ? 1 : 0));
    return fd >= 0 ? std::optional(fd) : std::nullopt;
}

bool may_wait_for_lock(const Syscall& syscall) {
    constexpr unsigned long lock_pi2 = 13; // FUTEX_LOCK_PI2, of 5.14
    if (syscall.compat || syscall.number != SYS_futex) return false;
    switch (syscall.args[1] & static_cast<unsigned long>(FUTEX_CMD_MASK)) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET: return static_cast<std::uint32_t>(syscall.args[2]) != 0;
    case FUTEX_LOCK_PI:
    case lock_pi2: return true;
    default: return false;
    }
}

} // namespace nezuban
