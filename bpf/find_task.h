/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A task by its pid, where there is neither an iterator over one process nor bpf_task_from_pid: as
 * find_task_by_pid_ns does it, by walking the radix tree that holds all pids. Programs run under RCU, which
 * is what that takes; all is read by a helper, so whatever is found there can't be worse than wrong, and the
 * caller compares start times.
 *
 * Not by /proc, which tells start times in ticks of 10 ms, and that a thread may run but not that it does.
 */
#ifndef NEZUBAN_FIND_TASK_H
#define NEZUBAN_FIND_TASK_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

/* include/linux/xarray.h: a node, and not what was stored; 6 bits of the number a level. */
#define NODE_MASK 3
#define NODE 2
#define MOST_LEVELS 6

/* Of the first pid namespace. */
static __always_inline struct pid *find_pid(u32 number)
{
	struct task_struct *current = (struct task_struct *)bpf_get_current_task();
	struct pid_namespace *first = BPF_CORE_READ(current, thread_pid, numbers[0].ns);
	u64 entry = (u64)BPF_CORE_READ(first, idr.idr_rt.xa_head);
	u64 slots = bpf_core_field_size(((struct xa_node *)0)->slots) / sizeof(void *);

	for (int level = 0; level < MOST_LEVELS; level++) {
		struct xa_node *node = (void *)(entry - NODE);
		u64 index;
		u8 shift;

		if ((entry & NODE_MASK) != NODE)
			break;
		shift = BPF_CORE_READ(node, shift);
		index = (u64)number >> (shift & 63);
		/* The root alone can be too small for it. */
		if (level == 0 && index >= slots)
			return 0;
		entry = 0;
		bpf_probe_read_kernel(&entry, sizeof(entry),
		                      (void *)node + bpf_core_field_offset(struct xa_node, slots) +
		                          (index & (slots - 1)) * sizeof(void *));
		if (!shift)
			break;
	}
	return entry & NODE_MASK ? 0 : (struct pid *)entry;
}

static __always_inline struct task_struct *find_task(u32 number)
{
	struct pid *pid = find_pid(number);
	void *link = pid ? BPF_CORE_READ(pid, tasks[0].first) : 0;

	return link ? link - bpf_core_field_offset(struct task_struct, pid_links) : 0;
}

#endif
