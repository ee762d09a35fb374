#include "probe/features.hpp"

#include "core/words.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace nezuban {

namespace {

struct Row {
    std::string_view name;
    std::string_view title;
    bool KernelFacts::* fact;
    bool required; // by the mode bpf
    std::string_view detail;
};

constexpr std::string_view no_stalls = "hang.silent is not watched, and the end of a stall is seen by the next scan";

constexpr std::array rows{
    Row{"privilege", "privilege to trace", &KernelFacts::may_trace, true,
        "run as root, or with CAP_BPF and CAP_PERFMON (and CAP_KILL, CAP_SYS_PTRACE to act and to read)"},
    Row{"first-pid-namespace", "first pid namespace", &KernelFacts::first_pid_namespace, true,
        "inside a container's pid namespace the kernel's pids mean nothing; run on the host"},
    Row{"btf", "BTF", &KernelFacts::types, true,
        "/sys/kernel/btf/vmlinux: needs a kernel of 5.10 or newer built with CONFIG_DEBUG_INFO_BTF"},
    Row{"life-cycle", "life-cycle tracepoints", &KernelFacts::life_cycle, true,
        "sched_process_fork, _exec and _exit, task_rename and signal_generate"},
    Row{"ring-buffer", "BPF ring buffer", &KernelFacts::ring_buffer, true, "since 5.8"},
    Row{"task-iterator", "BPF task iterator", &KernelFacts::task_iterator, true, "since 5.8"},
    Row{"tp-btf", "tracepoints with types (tp_btf)", &KernelFacts::typed_tracepoints, false,
        "raw tracepoints instead: each field of a task is read by a helper"},
    Row{"group-dead", "sched_process_exit tells group_dead", &KernelFacts::exit_tells_group_dead, false,
        "the thread counter is read instead, and an exit may be told twice (harmless)"},
    Row{"oom-task", "mark_victim tells the task", &KernelFacts::oom_tells_task, false, "its pid alone is told"},
    Row{"cgroup-moves", "tracepoint cgroup_attach_task", &KernelFacts::cgroup_moves, false,
        "a move between cgroups is seen by the next comparison"},
    Row{"clocks", "sched_info and run queue clocks", &KernelFacts::clocks, false,
        "hangs are not looked for by BPF: nobody knows since when a thread waits (CONFIG_SCHED_INFO)"},
    Row{"pt-regs", "helper bpf_task_pt_regs", &KernelFacts::register_helper, false,
        "registers are looked for at the end of a thread's stack (since 5.15)"},
    Row{"snprintf", "helper bpf_snprintf", &KernelFacts::symbol_helper, false,
        "addresses on kernel stacks are named by /proc/kallsyms (since 5.13)"},
    Row{"task-file-iterator", "BPF task_file iterator", &KernelFacts::descriptor_iterator, false,
        "hang.unserved is not looked for"},
    Row{"consume-skb", "tracepoint consume_skb", &KernelFacts::frees, false,
        "the same word sent to a Unix socket again and again, and read each time, may look unserved"},
    Row{"sched-switch", "tracepoint sched_switch", &KernelFacts::switches, false, no_stalls},
    Row{"task-storage", "task storage in tracing programs", &KernelFacts::task_storage, false,
        "who is watched for silence is looked up in a hash at each context switch (since 5.12)"},
    Row{"process-iterator", "BPF iterator over one process", &KernelFacts::process_iterator, false,
        "as without task storage (since 6.1)"},
    Row{"sys-enter", "tracepoint sys_enter", &KernelFacts::system_calls, false,
        "system calls of who seems to spin are not counted: only its system time tells"},
    Row{"socket-filter", "socket filter that reads the kernel", &KernelFacts::socket_filter, false,
        "SO_PASSRIGHTS keeps descriptors out of control.notify, and sd_notify_barrier fails there"},
    Row{"passrights", "SO_PASSRIGHTS", &KernelFacts::passrights, false,
        "only needed where no filter can be used: then who sends descriptors to control.notify, which is there for "
        "WATCHDOG=1, can hold the daemon up (since 6.16)"},
    Row{"connector", "process connector", &KernelFacts::process_connector, false,
        "only needed where BPF can't be used: then processes are polled (CONFIG_PROC_EVENTS, CAP_NET_ADMIN)"},
};
// Not a fact of its own: what forces the modes after bpf.
constexpr std::string_view all_of_bpf = "bpf";

// As a sentence; empty: nothing stands in its way.
std::string why_not_bpf(const KernelFacts& facts, const Without& without) {
    if (without.contains(std::string(all_of_bpf))) return "BPF is left out by --without";
    for (const auto& row : rows) {
        if (row.required && !(facts.*row.fact))
            return std::string(row.title) + " is missing: " + std::string(row.detail);
    }
    if (!facts.bpf_refused.empty()) return "the kernel refuses BPF programs: " + facts.bpf_refused;
    return {};
}

} // namespace

std::string_view name_of(Mode mode) {
    constexpr std::array<std::string_view, 4> names{"none", "bpf", "connector", "polling"};
    return names.at(static_cast<std::size_t>(mode));
}

Features features_of(const KernelFacts& facts, const Without& without) {
    KernelFacts used = facts;
    Features found{.kernel = facts.kernel};
    for (const auto& row : rows) {
        const bool withheld = without.contains(std::string(row.name));
        if (withheld) used.*row.fact = false;
        found.all.push_back({.name = std::string(row.name),
                             .title = std::string(row.title),
                             .present = used.*row.fact,
                             .required = row.required,
                             .withheld = withheld,
                             .detail = std::string(row.detail)});
    }
    found.why_not_bpf = why_not_bpf(used, without);
    if (found.why_not_bpf.empty())
        found.mode = Mode::bpf;
    else if (used.root_like)
        found.mode = used.process_connector && used.first_pid_namespace ? Mode::connector : Mode::polling;
    found.passrights = used.passrights;
    if (found.mode != Mode::bpf) return found;

    found.socket_filter = used.socket_filter;
    found.typed_tracepoints = used.typed_tracepoints;
    found.exit_tells_group_dead = used.exit_tells_group_dead;
    found.oom_tells_task = used.oom_tells_task;
    found.cgroup_moves = used.cgroup_moves;
    found.wait_scan = used.clocks;
    found.register_helper = used.register_helper;
    found.symbol_helper = used.symbol_helper;
    found.socket_scan = used.descriptor_iterator;
    found.frees = used.frees;
    found.stalls = used.switches;
    // A task's storage is reached by its pointer, which a raw tracepoint doesn't vouch for.
    found.stall_storage = used.typed_tracepoints && used.task_storage && used.process_iterator;
    found.system_calls = used.system_calls;
    return found;
}

Result<Without> parse_without(std::string_view text) {
    std::vector<std::string_view> known{all_of_bpf};
    for (const auto& row : rows)
        known.push_back(row.name);
    Without without;
    while (!text.empty()) {
        const auto name = text.substr(0, text.find(','));
        text.remove_prefix(std::min(text.size(), name.size() + 1));
        if (std::ranges::find(known, name) == known.end()) {
            const auto hint = did_you_mean(name, known);
            return fail("no feature is called " + quoted(name)
                        + in_brackets(hint.empty() ? "one of " + listed(known) : hint));
        }
        without.emplace(name);
    }
    return without;
}

Result<void> require(const Features& features) {
    if (features.mode == Mode::none) return fail(features.why_not_bpf);
    return {};
}

} // namespace nezuban
