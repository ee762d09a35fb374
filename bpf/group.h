/* SPDX-License-Identifier: GPL-2.0-only */
/* The threads of a process, one after the other, where no iterator goes through them. */
#ifndef NEZUBAN_GROUP_H
#define NEZUBAN_GROUP_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

/* As many as can be looked at with interrupts off (about 10 µs). */
#define MOST_THREADS 128

/* Addresses as numbers: the verifier refuses arithmetic on what it knows to be a pointer. */
static __always_inline struct list_head *end_of(struct signal_struct *group)
{
	return (void *)((u64)(void *)group + bpf_core_field_offset(struct signal_struct, thread_head));
}

static __always_inline struct task_struct *thread_at(struct list_head *node)
{
	return (void *)node - bpf_core_field_offset(struct task_struct, thread_node);
}

static __always_inline struct list_head *node_of(struct task_struct *thread)
{
	return (void *)((u64)(void *)thread + bpf_core_field_offset(struct task_struct, thread_node));
}

static __always_inline bool on_a_processor(struct task_struct *task)
{
	u32 on_cpu = 0; /* a byte in 7.2 */

	if (bpf_core_field_exists(task->on_cpu))
		bpf_core_read(&on_cpu, bpf_core_field_size(task->on_cpu), &task->on_cpu);
	return on_cpu;
}

#endif
