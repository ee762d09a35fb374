// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs that do nothing, on the same tracepoints as the real ones: what the kernel's statistics show for
 * these is the cost of being measured, to be taken off the others. And what others do where we do something
 * else, to be compared with. Loaded is what is asked for.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

/* Raw: without arguments there is nothing to know types of, and all kernels have them. */
#define EMPTY(name, hook)                                                                                    \
	SEC(hook)                                                                                            \
	int name(void *ctx)                                                                                  \
	{                                                                                                    \
		return 0;                                                                                    \
	}

EMPTY(empty_fork, "raw_tp/sched_process_fork")
EMPTY(empty_exec, "raw_tp/sched_process_exec")
EMPTY(empty_exit, "raw_tp/sched_process_exit")
EMPTY(empty_rename, "raw_tp/task_rename")
EMPTY(empty_signal, "raw_tp/signal_generate")
EMPTY(empty_switch, "?raw_tp/sched_switch")
EMPTY(empty_syscall, "?raw_tp/sys_enter")

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, u32);
	__type(value, u64);
} off_since SEC(".maps");

__u64 off_cpu_ns[32];

/* As offcputime and its like do it, less the stacks: when did each thread leave, and how long was it away? */
SEC("?tp_btf/sched_switch")
int BPF_PROG(usual_off_cpu, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	u32 tid = prev->pid;
	u64 now = bpf_ktime_get_ns();
	u64 *since;

	if (tid)
		bpf_map_update_elem(&off_since, &tid, &now, BPF_ANY);
	tid = next->pid;
	since = bpf_map_lookup_elem(&off_since, &tid);
	if (!since)
		return 0;
	off_cpu_ns[tid & 31] += now - *since;
	bpf_map_delete_elem(&off_since, &tid);
	return 0;
}
