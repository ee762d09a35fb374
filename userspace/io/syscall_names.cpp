#include "io/syscall_names.hpp"

#include "core/signal_names.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/futex.h>
#include <seccomp.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nezuban {

namespace {

// How an argument is told. The letters below stand for them.
struct Shape {
    std::string_view name;
    std::string_view arguments;
};

// f descriptor, p pointer, s size or count, t pointer to a time limit, m time limit in milliseconds, g signal, i
// signed, u futex operation, w wait4 options, P pid or what stands for one, c fcntl command, l flock operation, x hex,
// o hidden
constexpr std::array<Shape, 84> shapes{{
    {"accept", "fpp"},
    {"accept4", "fppx"},
    {"clock_nanosleep", "ixpo"},
    {"close", "f"},
    {"connect", "fps"},
    {"copy_file_range", "fpfpsx"},
    {"epoll_pwait", "fpsmp"},
    {"epoll_pwait2", "fpstp"},
    {"epoll_wait", "fpsm"},
    {"exit_group", "i"},
    {"fallocate", "fxss"},
    {"fcntl", "fcp"},
    {"fdatasync", "f"},
    {"fgetxattr", "fpps"},
    {"flock", "fl"},
    {"fork", ""},
    {"fstat", "fp"},
    {"fstatfs", "fp"},
    {"fsync", "f"},
    {"ftruncate", "fs"},
    {"futex", "puxtpx"},
    {"futex_wait", "pxxxti"},
    {"futex_waitv", "psxti"},
    {"getdents", "fps"},
    {"getdents64", "fps"},
    {"getrandom", "psx"},
    {"io_getevents", "xsspt"},
    {"io_pgetevents", "xssptp"},
    {"io_uring_enter", "fssx"},
    {"ioctl", "fxp"},
    {"kill", "Pg"},
    {"lseek", "fii"},
    {"madvise", "psi"},
    {"mkdir", "px"},
    {"mount", "pppxp"},
    {"mq_timedreceive", "fpspt"},
    {"mq_timedsend", "fpsit"},
    {"msgrcv", "ipsix"},
    {"msgsnd", "ipsx"},
    {"msync", "psx"},
    {"munmap", "ps"},
    {"nanosleep", "po"},
    {"newfstatat", "fppx"},
    {"open", "pxx"},
    {"openat", "fpxx"},
    {"pause", ""},
    {"poll", "psm"},
    {"ppoll", "pstp"},
    {"pread64", "fpss"},
    {"preadv", "fpss"},
    {"preadv2", "fpsssx"},
    {"pselect6", "spppt"},
    {"pwrite64", "fpss"},
    {"pwritev", "fpss"},
    {"pwritev2", "fpsssx"},
    {"read", "fps"},
    {"readv", "fps"},
    {"recvfrom", "fpsxpp"},
    {"recvmmsg", "fpsxt"},
    {"recvmsg", "fpx"},
    {"rename", "pp"},
    {"restart_syscall", ""},
    {"rt_sigsuspend", "p"},
    {"rt_sigtimedwait", "ppt"},
    {"sched_yield", ""},
    {"select", "spppt"},
    {"semop", "ips"},
    {"semtimedop", "ipst"},
    {"sendfile", "ffps"},
    {"sendmmsg", "fpsx"},
    {"sendmsg", "fpx"},
    {"sendto", "fpsxps"},
    {"splice", "fpfpsx"},
    {"stat", "pp"},
    {"syncfs", "f"},
    {"tee", "ffsx"},
    {"tgkill", "PPg"},
    {"umount2", "px"},
    {"unlink", "p"},
    {"vfork", ""},
    {"wait4", "Ppwp"},
    {"waitid", "iPpwp"},
    {"write", "fps"},
    {"writev", "fps"},
}};
static_assert(std::ranges::is_sorted(shapes, {}, &Shape::name));

std::string flags_of(std::uint64_t value, std::span<const std::pair<std::uint64_t, std::string_view>> known) {
    std::string text;
    for (const auto& [bit, name] : known) {
        if ((value & bit) == 0) continue;
        text += fmt::format("{}{}", text.empty() ? "" : "|", name);
        value &= ~bit;
    }
    if (value != 0 || text.empty()) text += fmt::format("{}{:#x}", text.empty() ? "" : "|", value);
    return value == 0 && text == "0x0" ? "0" : text;
}

std::string futex_operation(std::uint64_t value) {
    constexpr std::array<std::string_view, 14> names{
        "FUTEX_WAIT",           "FUTEX_WAKE",        "FUTEX_FD",          "FUTEX_REQUEUE",
        "FUTEX_CMP_REQUEUE",    "FUTEX_WAKE_OP",     "FUTEX_LOCK_PI",     "FUTEX_UNLOCK_PI",
        "FUTEX_TRYLOCK_PI",     "FUTEX_WAIT_BITSET", "FUTEX_WAKE_BITSET", "FUTEX_WAIT_REQUEUE_PI",
        "FUTEX_CMP_REQUEUE_PI", "FUTEX_LOCK_PI2"};
    const auto operation = value & static_cast<std::uint64_t>(FUTEX_CMD_MASK);
    std::string text(operation < names.size() ? names.at(operation) : "");
    if (text.empty()) return fmt::format("{:#x}", value);
    if ((value & FUTEX_PRIVATE_FLAG) != 0) text += "|PRIVATE";
    if ((value & FUTEX_CLOCK_REALTIME) != 0) text += "|CLOCK_REALTIME";
    return text;
}

std::string fcntl_command(std::uint64_t value) {
    switch (value) {
    case F_SETLK: return "F_SETLK";
    case F_SETLKW: return "F_SETLKW";
    case F_GETLK: return "F_GETLK";
    case F_OFD_SETLKW: return "F_OFD_SETLKW";
    case F_SETLEASE: return "F_SETLEASE";
    default: return fmt::format("{}", value);
    }
}

std::string flock_operation(std::uint64_t value) {
    const auto how = value & ~std::uint64_t{LOCK_NB};
    const std::string_view name = how == LOCK_SH   ? "LOCK_SH"
                                  : how == LOCK_EX ? "LOCK_EX"
                                  : how == LOCK_UN ? "LOCK_UN"
                                                   : "";
    if (name.empty()) return fmt::format("{:#x}", value);
    return fmt::format("{}{}", name, (value & LOCK_NB) != 0 ? "|LOCK_NB" : "");
}

std::string descriptor(std::uint64_t value) {
    const auto fd = static_cast<std::int32_t>(value); // the upper half of the register is anything
    return fd == AT_FDCWD ? "AT_FDCWD" : fmt::format("fd {}", fd);
}

std::string word(char shape, std::uint64_t value) {
    constexpr std::array<std::pair<std::uint64_t, std::string_view>, 6> wait_flags{{{WNOHANG, "WNOHANG"},
                                                                                    {WUNTRACED, "WUNTRACED"},
                                                                                    {WEXITED, "WEXITED"},
                                                                                    {WCONTINUED, "WCONTINUED"},
                                                                                    {0x40000000, "__WALL"},
                                                                                    {0x80000000, "__WCLONE"}}};
    const auto small = static_cast<std::int32_t>(value);
    switch (shape) {
    case 'f': return descriptor(value);
    case 'p': return value == 0 ? "NULL" : fmt::format("{:#x}", value);
    case 's': return fmt::format("{}", value);
    case 't': return value == 0 ? "no timeout" : fmt::format("timeout at {:#x}", value);
    case 'm': return small < 0 ? "no timeout" : fmt::format("{} ms", small);
    case 'g': return small == 0 ? "0" : signal_name(small);
    case 'i':
    case 'P': return fmt::format("{}", small);
    case 'u': return futex_operation(value);
    case 'w': return flags_of(value & 0xffffffffU, wait_flags);
    case 'c': return fcntl_command(value & 0xffffffffU);
    case 'l': return flock_operation(value & 0xffffffffU);
    default: return value < 10 ? fmt::format("{}", value) : fmt::format("{:#x}", value);
    }
}

} // namespace

std::string syscall_name(std::int64_t number, bool compat) {
    // A pseudo number of libseccomp's own, or no system call at all.
    if (number < 0 || number > 0x7fffffff) return {};
    auto arch = seccomp_arch_native();
    if (compat) arch = arch == SCMP_ARCH_X86_64 ? SCMP_ARCH_X86 : SCMP_ARCH_ARM;
    const std::unique_ptr<char, decltype(&std::free)> name(
        seccomp_syscall_resolve_num_arch(arch, static_cast<int>(number)), &std::free);
    return name ? std::string(name.get()) : std::string{};
}

std::vector<std::string> syscall_words(const Syscall& syscall) {
    const auto name = syscall.name.empty() ? syscall_name(syscall.number, syscall.compat) : syscall.name;
    const auto* known = std::ranges::lower_bound(shapes, std::string_view(name), {}, &Shape::name);
    std::vector<std::string> words;
    if (known == shapes.end() || known->name != name || syscall.compat) {
        for (const auto value : syscall.args)
            words.push_back(word('x', value));
        return words;
    }
    // Of a futex, what follows the time limit means something to few operations, and garbage to the others.
    auto letters = known->arguments;
    if (name == "futex") letters = letters.substr(0, 4);
    for (std::size_t i = 0; i < letters.size(); ++i) {
        if (letters[i] != 'o') words.push_back(word(letters[i], syscall.args.at(i)));
    }
    return words;
}

} // namespace nezuban
