/* SPDX-License-Identifier: GPL-2.0-only */
/* What a thread is doing: its state, and since when it has been off its processor. */
#ifndef NEZUBAN_THREAD_H
#define NEZUBAN_THREAD_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "compat.h"

/* include/linux/sched.h. A state has more bits than these: seen 0x2002 and 0x2102. */
#define TASK_INTERRUPTIBLE 0x0001
#define TASK_UNINTERRUPTIBLE 0x0002
#define __TASK_STOPPED 0x0004
#define __TASK_TRACED 0x0008
#define TASK_WAKEKILL 0x0100
#define TASK_NOLOAD 0x0400 /* sleeps in D, but has nothing to do */
#define TASK_FROZEN 0x8000
#define PF_IO_WORKER 0x00000010
#define PF_USER_WORKER 0x00004000
#define PF_FROZEN 0x00010000         /* before 6.1; later a kernel thread's bit */
#define JOBCTL_TRAP_FREEZE (1 << 23) /* by a cgroup of v2 */

/* Not task->frozen: it says that a thread may be counted as frozen, as each in a vfork or stopped is. */
static __always_inline bool is_frozen(struct task_struct *task, u32 state, u32 task_flags)
{
	if (state & TASK_FROZEN || (task_flags & PF_FROZEN && !(task_flags & PF_KTHREAD)))
		return true;
	return task->jobctl & JOBCTL_TRAP_FREEZE;
}

/*
 * Since when is a thread off its processor? se.exec_start is the moment up to which its time was accounted:
 * after it has left, exactly when it left. But it is a time of rq->clock_task, which stands still while
 * interrupts and the hypervisor take the processor. How far it is behind rq->clock only grows, so with what
 * it is now the moment comes out late by what was taken since: never early.
 *
 * (sched_info.last_arrival and the length of the last slice would be nearer at hand, but a slice of an hour
 * is short of the interrupts of an hour, and before 6.12 it starts anew when a thread is picked again without
 * having left.)
 */
static __always_inline u64 left_at(struct task_struct *task)
{
	/* That of its processor, whatever its class. */
	struct cfs_rq *queue = BPF_CORE_READ(task, se.cfs_rq);
	u64 left = task->se.exec_start;
	u64 arrived = task->sched_info.last_arrival;
	struct rq *rq;
	u64 tasks, all;

	if (bpf_core_field_exists(queue->rq))
		rq = BPF_CORE_READ(queue, rq);
	else
		rq = (void *)queue - bpf_core_field_offset(struct rq, cfs);
	/* In this order: if the clocks move on in between, the moment is late. */
	tasks = BPF_CORE_READ(rq, clock_task);
	barrier();
	all = BPF_CORE_READ(rq, clock);
	if (!left || !arrived || !tasks || all < tasks)
		return 0;
	left += all - tasks;
	return left > arrived ? left : arrived;
}

/*
 * Nanoseconds, never more than it was; 0: unknown. "Now" is when the reader of this pass got its processor,
 * because that is in the same clock.
 */
static __always_inline u64 time_off(struct task_struct *task)
{
	struct task_struct *reader = (struct task_struct *)bpf_get_current_task();
	u64 now = BPF_CORE_READ(reader, sched_info.last_arrival);
	u64 age = bpf_ktime_get_ns() - task->start_time;
	u64 left = left_at(task);

	if (!left || left >= now)
		return 0;
	return now - left < age ? now - left : age;
}

#endif
