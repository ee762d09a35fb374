#include "probe/features.hpp"

#include "probe/kernel_types.hpp"

#include <fstream>
#include <utility>

#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace nezuban {

namespace {

// The inode number that the kernel gives the first pid namespace (PROC_PID_INIT_INO).
bool in_first_pid_namespace() {
    struct stat info{};
    return stat("/proc/self/ns/pid", &info) == 0 && info.st_ino == 0xEFFFFFFCU;
}

bool has_capabilities() {
    std::ifstream status("/proc/self/status");
    std::string line;
    while (std::getline(status, line)) {
        if (!line.starts_with("CapEff:")) continue;
        const auto have = std::stoull(line.substr(7), nullptr, 16);
        const auto has = [&](unsigned bit) { return (have >> bit & 1U) != 0; };
        return has(CAP_SYS_ADMIN) || (has(CAP_BPF) && has(CAP_PERFMON));
    }
    return false;
}

// None of them is required: what can't be done without one is left out, and `run` says so in its log.
void add_what_hangs_need(const KernelTypes& kernel, std::vector<Feature>& all) {
    const auto add = [&](std::string name, bool present, std::string without) {
        all.push_back({std::move(name), present, false, std::move(without)});
    };
    const bool clocks = kernel.has_member("task_struct", "sched_info") && kernel.has_member("rq", "clock_task");
    add("sched_info and run queue clocks", clocks,
        "hangs are not looked for: nobody knows since when a thread waits (CONFIG_SCHED_INFO)");
    add("bpf_task_pt_regs", kernel.has_helper("BPF_FUNC_task_pt_regs"),
        "no system call of a waiting thread is known, so no deadlock, no lock wait (since 5.15)");
    add("bpf_snprintf", kernel.has_helper("BPF_FUNC_snprintf"), "hangs are told without kernel stacks (since 5.13)");
    add("BPF task_file iterator", kernel.has_struct("bpf_iter__task_file"), "hang.unserved is not looked for");
    add("tracepoint consume_skb", kernel.has_tracepoint("consume_skb"),
        "the same word sent to a Unix socket again and again, and read each time, may look unserved");
    const std::string stalls = "hang.silent is not watched, and the end of a stall is seen by the next scan only";
    add("tracepoint sched_switch", kernel.has_tracepoint("sched_switch"), stalls);
    add("task storage in tracing programs", kernel.has_member("task_struct", "bpf_storage"), stalls + " (since 5.12)");
    add("BPF iterator over one process", kernel.has_member("bpf_iter_link_info", "task"), stalls + " (since 6.1)");
    add("tracepoint sys_enter", kernel.has_tracepoint("sys_enter"),
        "system calls of who seems to spin are not counted: only its system time tells "
        "(CONFIG_HAVE_SYSCALL_TRACEPOINTS)");
}

} // namespace

std::string Features::missing() const {
    for (const auto& feature : all) {
        if (feature.required && !feature.present) return feature.name + " is missing: " + feature.detail;
    }
    return {};
}

Features probe_features() {
    Features found;
    utsname names{};
    if (uname(&names) == 0) found.kernel = names.release;
    found.all.push_back(
        {"privilege", has_capabilities(), true,
         "run as root, or with CAP_BPF and CAP_PERFMON (and CAP_KILL, CAP_SYS_PTRACE to act and to read)"});
    found.all.push_back({"first pid namespace", in_first_pid_namespace(), true,
                         "inside a container's pid namespace the kernel's pids mean nothing; run on the host"});
    const KernelTypes kernel;
    found.all.push_back({"BTF", static_cast<bool>(kernel), true,
                         "/sys/kernel/btf/vmlinux: needs a kernel of 5.10 or newer built with CONFIG_DEBUG_INFO_BTF"});
    if (!kernel) return found;

    for (const auto* name :
         {"sched_process_fork", "sched_process_exec", "sched_process_exit", "task_rename", "signal_generate"}) {
        found.all.push_back({std::string("tracepoint ") + name, kernel.has_tracepoint(name), true,
                             "the kernel's life-cycle tracepoints can't be attached"});
    }
    found.all.push_back({"BPF ring buffer", kernel.has_struct("bpf_ringbuf"), true, "since 5.8"});
    found.all.push_back({"BPF task iterator", kernel.has_struct("bpf_iter__task"), true, "since 5.8"});

    found.exit_tells_group_dead = kernel.arguments_of("sched_process_exit") >= 2;
    found.all.push_back({"sched_process_exit tells group_dead", found.exit_tells_group_dead, false,
                         "otherwise the thread counter is read, and an exit may be told twice (harmless)"});
    found.oom_tells_task = kernel.first_argument_is_pointer("mark_victim");
    found.all.push_back({"mark_victim tells the task", found.oom_tells_task, false, "otherwise its pid alone"});
    found.cgroup_moves = kernel.arguments_of("cgroup_attach_task") == 4;
    found.all.push_back({"tracepoint cgroup_attach_task", found.cgroup_moves, false,
                         "otherwise a move between cgroups is seen by the next comparison"});
    add_what_hangs_need(kernel, found.all);
    return found;
}

Result<void> require(const Features& features) {
    if (auto missing = features.missing(); !missing.empty()) return fail(std::move(missing));
    return {};
}

} // namespace nezuban
