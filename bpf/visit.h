/* SPDX-License-Identifier: GPL-2.0-only */
/* One process looked at for user space, and what is kept of it changed. */
#ifndef NEZUBAN_VISIT_H
#define NEZUBAN_VISIT_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "group.h"
#include "watched.h"
#ifdef NZ_HASH
#include "find_task.h"
#endif

static __always_inline void forget_if_unused(struct task_struct *leader, struct watched *of)
{
	if (!of->threshold && !of->followed && !of->counted)
		drop(leader);
}

/* Absent: there is nothing more to be done. */
static __always_inline struct watched *begin_visit(struct task_struct *leader, u64 now)
{
	struct watched *of;
	u64 threshold;

	if (visit.wish == NZ_VISIT_WATCH || visit.wish == NZ_VISIT_FOLLOW || visit.wish == NZ_VISIT_COUNT)
		of = keep(leader, now, &visit.error);
	else
		of = watched_found(leader);
	if (!of)
		return 0;
	switch (visit.wish) {
	case NZ_VISIT_WATCH:
		threshold = visit.threshold_ns / tick_ns;
		/* Kept for its threads until now, perhaps while nobody looked at its switches. */
		if (!of->threshold)
			of->last_on = now;
		of->threshold = threshold ? threshold : 1;
		break;
	case NZ_VISIT_UNCOUNT:
		if (of->counted)
			__sync_fetch_and_add(&of->counted, -1);
		forget_if_unused(leader, of);
		return 0;
	case NZ_VISIT_FORGET:
		of->threshold = 0;
		of->longest = 0;
		__builtin_memset(of->slots, 0, sizeof(of->slots));
		forget_if_unused(leader, of);
		return 0;
	}
	visit.kept = 1;
	visit.longest_ns = of->longest * tick_ns;
	__builtin_memcpy(visit.slots, of->slots, sizeof(visit.slots));
	return of;
}

static __always_inline int follow(struct task_struct *task, struct watched *of)
{
	struct nz_followed entry = {.thread_start_ns = FOUND(task, start_boottime)};
	u32 tid = FOUND(task, pid);
	struct nz_followed *known = bpf_map_lookup_elem(&followed, &tid);
	int error;

	if (known && known->thread_start_ns == entry.thread_start_ns)
		return 0;
	error = bpf_map_update_elem(&followed, &tid, &entry, BPF_ANY);
	if (!error)
		__sync_fetch_and_add(&of->followed, 1);
	return error;
}

static __always_inline int count(struct task_struct *task, struct watched *of)
{
	struct nz_spinner entry = {.thread_start_ns = FOUND(task, start_boottime)};
	u32 tid = FOUND(task, pid);
	struct nz_spinner *known = bpf_map_lookup_elem(&spinners, &tid);
	int error;

	if (known && known->thread_start_ns == entry.thread_start_ns)
		return 0;
	error = bpf_map_update_elem(&spinners, &tid, &entry, BPF_ANY);
	if (!error)
		__sync_fetch_and_add(&of->counted, 1);
	return error;
}

/* One of the threads of the process that is asked for. */
static __always_inline void look_at(struct task_struct *task, struct task_struct *leader)
{
	struct watched *of;

	if (visit.threads++ == 0) {
		visit.ended = FOUND(task, signal, live.counter) == 0;
		visit_began = bpf_jiffies64();
		of = visit.ended ? 0 : begin_visit(leader, visit_began);
		if (of)
			visit_last_on = of->last_on;
	}
	if (!visit.kept)
		return;
	of = watched_found(leader);
	if (!of)
		return;
	if (FOUND(task, pid) == (pid_t)visit.tid && FOUND(task, start_boottime) == visit.thread_start_ns) {
		visit.found = 1;
		if (visit.wish == NZ_VISIT_FOLLOW)
			visit.error = follow(task, of);
		if (visit.wish == NZ_VISIT_COUNT)
			visit.error = count(task, of);
	}
	if (on_a_processor(task))
		visit.on_cpu = 1;
	if (visit.threads != (u32)FOUND(task, signal, nr_threads) || visit.on_cpu)
		return;
	/*
	 * All were off their processors, each at the moment it was looked at; and nobody has switched since
	 * the first was, if last_on is what it was.
	 */
	if (!unchanged(of, visit_last_on) || (__s64)(visit_began - visit_last_on) < (__s64)floor_ticks)
		return;
	visit.silent_ns = (visit_began - visit_last_on) * tick_ns;
	of->proven = visit_last_on;
}

/* Run over the threads of one process: the only way in which user space touches what is kept of it. */
#ifndef NZ_HASH
SEC("iter/task")
int visit_process(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (task && (u32)task->tgid == visit.pid && task->group_leader->start_boottime == visit.start_ns)
		look_at(task, task->group_leader);
	return 0;
}
#else

#define NZ_EAGAIN 11

/* A function of its own, which the verifier looks at once and not for each thread. */
__noinline int look_at_thread(u64 thread)
{
	struct task_struct *task = (struct task_struct *)thread;
	struct task_struct *leader = FOUND(task, group_leader);

	if ((u32)FOUND(task, tgid) != visit.pid || FOUND(leader, start_boottime) != visit.start_ns)
		return 0;
	look_at(task, leader);
	return 1;
}

/* User space runs it again for as long as visit_next names a thread to go on with. */
SEC("raw_tp")
int visit_process(void *ctx)
{
	struct task_struct *task = find_task(visit_next ? visit_next : visit.pid);
	struct signal_struct *group = task ? FOUND(task, signal) : 0;
	struct list_head *head, *node;

	head = end_of(group);
	node = visit_next ? node_of(task) : FOUND(group, thread_head.next);
	visit_next = 0;
	for (int i = 0; group && i < MOST_THREADS; i++) {
		if (node == head)
			break;
		task = thread_at(node);
		/* Not of it, or it has become another's: it is looked at again. */
		if (!look_at_thread((u64)(void *)task))
			break;
		node = FOUND(task, thread_node.next);
		if (i == MOST_THREADS - 1 && node != head)
			visit_next = FOUND(thread_at(node), pid);
	}
	if (!visit.threads || visit.ended)
		drop_if_of(visit.pid, visit.start_ns);
	/* A thread that we were to go on with has ended: whoever was looked for may be among the rest. */
	else if (visit.tid && !visit.found && !visit_next && visit.threads < (u32)FOUND(group, nr_threads))
		visit.error = -NZ_EAGAIN;
	return 0;
}
#endif

#endif
