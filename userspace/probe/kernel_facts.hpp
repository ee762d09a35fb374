// What was found out about the running kernel, and about what we may do there: values, nothing decided yet.
#pragma once

#include <string>

namespace nezuban {

struct KernelFacts {
    std::string kernel;               // as uname -r
    bool root_like = false;           // may end other users' processes and read of them (CAP_KILL, CAP_SYS_PTRACE)
    bool may_trace = false;           // CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN
    bool first_pid_namespace = false; // elsewhere the kernel's pids mean nothing
    std::string bpf_refused;          // why a program that does nothing may not be loaded; empty: it may
    bool process_connector = false;   // it answers: CONFIG_PROC_EVENTS, CAP_NET_ADMIN, the first network namespace
    bool socket_filter = false;       // one that reads the kernel's memory may be loaded
    bool passrights = false;          // SO_PASSRIGHTS: a socket may refuse descriptors

    // --- from vmlinux BTF -------------------------------------------------------------------------------------
    bool types = false;      // there is such a thing
    bool life_cycle = false; // tracepoints for fork, exec, exit, rename and signals
    bool typed_tracepoints = false;
    bool ring_buffer = false;
    bool task_iterator = false;
    bool exit_tells_group_dead = false;
    bool oom_tells_task = false;
    bool cgroup_moves = false;
    bool clocks = false;          // sched_info, run queue clocks
    bool register_helper = false; // bpf_task_pt_regs
    bool symbol_helper = false;   // bpf_snprintf
    bool descriptor_iterator = false;
    bool frees = false;            // tracepoint consume_skb
    bool switches = false;         // tracepoint sched_switch
    bool task_storage = false;     // in tracing programs
    bool process_iterator = false; // over one process
    bool system_calls = false;     // tracepoint sys_enter
};

// Never fails: what can't be found out is absent. Loads two programs of seven instructions; some 40 ms, for the types.
[[nodiscard]] KernelFacts look_at_kernel();

} // namespace nezuban
