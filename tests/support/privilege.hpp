// What this machine and this user allow: what isn't allowed is skipped, with the reason.
#pragma once

#include "skip.hpp"

#include <string>

#include <unistd.h>

// For `nzstuck memory`.
#define NEEDS_FUSE()                                                                                                   \
    if (::geteuid() != 0 || ::access("/dev/fuse", R_OK | W_OK) != 0) SKIP("holding a memory's lock needs /dev/fuse")

namespace nezuban::test {

// Why BPF programs cannot be loaded here; empty when they can.
inline std::string why_no_bpf() {
    if (::geteuid() != 0) return "needs root to load BPF programs";
    if (::access("/sys/kernel/btf/vmlinux", R_OK) != 0) return "the kernel has no BTF (/sys/kernel/btf/vmlinux)";
    return {};
}

inline bool can_load_bpf() {
    return why_no_bpf().empty();
}

inline bool can_recycle_pids() {
    return ::access("/proc/sys/kernel/ns_last_pid", W_OK) == 0;
}

} // namespace nezuban::test
