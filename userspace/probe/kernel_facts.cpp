#include "probe/kernel_facts.hpp"

#include "probe/connector.hpp"
#include "probe/descriptors.hpp"
#include "probe/kernel_types.hpp"
#include "probe/owned.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace nezuban {

namespace {

constexpr std::size_t one_page = 4096;

// The inode number that the kernel gives the first pid namespace (PROC_PID_INIT_INO).
bool in_first_pid_namespace() {
    struct stat info{};
    return stat("/proc/self/ns/pid", &info) == 0 && info.st_ino == 0xEFFFFFFCU;
}

std::uint64_t effective_capabilities() {
    std::ifstream status("/proc/self/status");
    std::string line;
    while (std::getline(status, line)) {
        if (line.starts_with("CapEff:")) return std::stoull(line.substr(7), nullptr, 16);
    }
    return 0;
}

// Lockdown, a seccomp filter of a container or an LSM: none of them shows before it is tried. Lockdown refuses only who
// reads the kernel's memory, so that is what is tried: the program reads nothing from nowhere.
std::string why_bpf_is_refused(bpf_prog_type type) {
    constexpr auto move = BPF_ALU64 | BPF_MOV;
    const std::array<bpf_insn, 7> reading{{
        {.code = move | BPF_X, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_10},
        {.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_1, .imm = -8},
        {.code = move | BPF_K, .dst_reg = BPF_REG_2, .imm = 8},
        {.code = move | BPF_K, .dst_reg = BPF_REG_3},
        {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_probe_read_kernel},
        {.code = move | BPF_K, .dst_reg = BPF_REG_0},
        {.code = BPF_JMP | BPF_EXIT},
    }};
    const int program = bpf_prog_load(type, nullptr, "GPL", reading.data(), reading.size(), nullptr);
    if (program < 0) return std::strerror(-program);
    close(program);
    return {};
}

void add_types(KernelFacts& facts) {
    const KernelTypes kernel;
    facts.types = static_cast<bool>(kernel);
    if (!facts.types) return;
    facts.life_cycle = std::ranges::all_of(
        std::array{"sched_process_fork", "sched_process_exec", "sched_process_exit", "task_rename", "signal_generate"},
        [&](const char* name) { return kernel.has_tracepoint(name); });
    facts.typed_tracepoints = facts.life_cycle;
    facts.ring_buffer = kernel.has_struct("bpf_ringbuf");
    facts.task_iterator = kernel.has_struct("bpf_iter__task");
    facts.exit_tells_group_dead = kernel.arguments_of("sched_process_exit") >= 2;
    facts.oom_tells_task = kernel.first_argument_is_pointer("mark_victim");
    facts.cgroup_moves = kernel.arguments_of("cgroup_attach_task") == 4;
    facts.clocks = kernel.has_member("task_struct", "sched_info") && kernel.has_member("rq", "clock_task");
    facts.register_helper = kernel.has_helper("BPF_FUNC_task_pt_regs");
    facts.symbol_helper = kernel.has_helper("BPF_FUNC_snprintf");
    facts.descriptor_iterator = kernel.has_struct("bpf_iter__task_file");
    facts.frees = kernel.has_tracepoint("consume_skb");
    facts.switches = kernel.has_tracepoint("sched_switch");
    facts.task_storage = kernel.has_member("task_struct", "bpf_storage");
    facts.process_iterator = kernel.has_member("bpf_iter_link_info", "task");
    facts.system_calls = kernel.has_tracepoint("sys_enter");
}

} // namespace

KernelFacts look_at_kernel() {
    KernelFacts facts;
    utsname names{};
    if (uname(&names) == 0) facts.kernel = names.release;
    const auto capabilities = effective_capabilities();
    const auto has = [&](unsigned bit) { return (capabilities >> bit & 1U) != 0; };
    facts.root_like = has(CAP_KILL) && has(CAP_SYS_PTRACE);
    facts.may_trace = has(CAP_SYS_ADMIN) || (has(CAP_BPF) && has(CAP_PERFMON));
    facts.first_pid_namespace = in_first_pid_namespace();
    if (facts.may_trace) {
        facts.bpf_refused = why_bpf_is_refused(BPF_PROG_TYPE_RAW_TRACEPOINT);
        facts.socket_filter = why_bpf_is_refused(BPF_PROG_TYPE_SOCKET_FILTER).empty();
    }
    if (const Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)); socket)
        facts.passrights = pass_no_rights(socket.get());
    if (has(CAP_NET_ADMIN) && facts.first_pid_namespace)
        facts.process_connector = Connector::open(one_page).has_value();
    add_types(facts);
    return facts;
}

} // namespace nezuban
