// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long has no thread of a process been on a processor, and when did that end? Asked on every context
 * switch of the machine, so it may cost nothing for who isn't watched: a process is watched when its leader
 * has task storage, and that is one load to see. No hash, no precise clock and no record unless a long stall
 * has just ended.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#ifdef NZ_HASH
#include "find_task.h"
#endif
#include "watched.h"

char LICENSE[] SEC("license") = "GPL";

/* Names the records in the object's BTF, so that tests/skeleton can compare their layout with the C++ side's.
 */
union {
	struct nz_visit visit;
	struct nz_stall stall;
	struct nz_followed followed;
	struct nz_spinner spinner;
} records;

static __always_inline bool tell(struct task_struct *task, u32 tid, u64 off_ns)
{
	struct nz_stall *stall = bpf_ringbuf_reserve(&stalls, sizeof(*stall), 0);

	if (!stall) {
		__sync_fetch_and_add(&lost, 1);
		return false;
	}
	stall->time_ns = bpf_ktime_get_ns();
	stall->start_ns = FOLLOW(task, group_leader, start_boottime);
	stall->off_ns = off_ns;
	stall->pid = FOLLOW(task, tgid);
	stall->tid = tid;
	bpf_ringbuf_submit(stall, 0);
	return true;
}

#define NZ_EAGAIN 11

/* As many as can be looked at with interrupts off (about 10 µs). */
#define MOST_THREADS 128

static __always_inline bool on_a_processor(struct task_struct *task)
{
	u32 on_cpu = 0; /* a byte in 7.2 */

	if (bpf_core_field_exists(task->on_cpu))
		bpf_core_read(&on_cpu, bpf_core_field_size(task->on_cpu), &task->on_cpu);
	return on_cpu;
}

/*
 * A thread that runs on another processor without ever leaving it leaves last_on as it was. True also when
 * there are too many to be sure.
 */
static __always_inline bool another_runs(struct task_struct *task)
{
	struct signal_struct *group = FOLLOW(task, signal);
	struct list_head *node, *head;
	int i;

	if (FOLLOW(group, nr_threads) < 2 || !bpf_core_field_exists(task->on_cpu))
		return false;
	if (FOLLOW(group, nr_threads) > MOST_THREADS)
		return true;
	/* As numbers: the verifier refuses arithmetic on what it knows to be a pointer. */
	head = (void *)((u64)(void *)group + bpf_core_field_offset(struct signal_struct, thread_head));
	node = BPF_CORE_READ(group, thread_head.next);
	for (i = 0; i <= MOST_THREADS; i++) {
		struct task_struct *other;

		if (node == head)
			return false;
		other = (void *)node - bpf_core_field_offset(struct task_struct, thread_node);
		if (on_a_processor(other))
			return true;
		node = BPF_CORE_READ(other, thread_node.next);
	}
	return true;
}

static __always_inline u32 slot_of(u64 ms)
{
	u32 slot = 0;

	for (int step = 16; step; step >>= 1) {
		if (ms >> step) {
			ms >>= step;
			slot += step;
		}
	}
	return slot;
}

/* Rare: nothing of it seems to have run for longer than the floor. */
static __noinline int end_silence(struct task_struct *task, struct watched *of, u64 last, u64 now)
{
	u64 ticks = now - last;

	if (of->proven != last && another_runs(task)) {
		of->last_on = now;
		return 0;
	}
	/*
	 * Somebody who left his processor after we had read last_on and before we looked whether he was on it
	 * has stored his own time by now; and of two who come back at the same moment, one ends the stall.
	 */
	if (!end_stall(of, FOLLOW(task, tgid), last, now) || !of->threshold)
		return 0;
	if (ticks > of->longest)
		of->longest = ticks;
	of->slots[slot_of(ticks * tick_ns / 1000000) & (NZ_STALL_SLOTS - 1)]++;
	if (ticks >= of->threshold)
		tell(task, 0, ticks * tick_ns);
	return 0;
}

/* One that could not be told stays in: its next switch tells it. */
static __noinline int end_following(struct task_struct *task, struct watched *of)
{
	u32 tid = FOLLOW(task, pid);
	struct nz_followed *known = bpf_map_lookup_elem(&followed, &tid);

	if (!known || known->thread_start_ns != FOLLOW(task, start_boottime) || !tell(task, tid, 0))
		return 0;
	if (!bpf_map_delete_elem(&followed, &tid))
		__sync_fetch_and_add(&of->followed, -1);
	return 0;
}

/* Attached only while somebody is watched or followed. */
SEC(TRACEPOINT("sched_switch"))
int BPF_PROG(handle_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct watched *of = watched_of(prev);
	u64 now, last;

	if (of) {
		now = bpf_jiffies64();
		/* Only when it differs: the line may be in another processor's cache, and is to stay there.
		 */
		if (of->last_on != now)
			of->last_on = now;
	}
	of = watched_of(next);
	if (of) {
		now = bpf_jiffies64();
		last = of->last_on;
		/* Not 0, and not a moment of another processor that is just ahead of ours. */
		if ((__s64)(now - last) > 0) {
			if (now - last < floor_ticks)
				of->last_on = now;
			else
				end_silence(next, of, last, now);
		}
		if (of->followed)
			end_following(next, of);
	}
	return 0;
}

/* Attached only while somebody wants to know whether a thread that burns its processor makes any. */
SEC(TRACEPOINT("sys_enter"))
int BPF_PROG(handle_syscall, struct pt_regs *regs, long number)
{
	struct task_struct *task = current_task();
	struct watched *of = watched_found(task);
	struct nz_spinner *spinner;
	u32 tid;

	if (!of || !of->counted)
		return 0;
	tid = FOUND(task, pid);
	spinner = bpf_map_lookup_elem(&spinners, &tid);
	if (spinner && spinner->thread_start_ns == FOUND(task, start_boottime))
		spinner->syscalls++;
	return 0;
}

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

	/* As numbers: clang must not make a 0 and an address of two. */
	head = (void *)((u64)(void *)group + bpf_core_field_offset(struct signal_struct, thread_head));
	node = visit_next
	           ? (void *)((u64)(void *)task + bpf_core_field_offset(struct task_struct, thread_node))
	           : FOUND(group, thread_head.next);
	visit_next = 0;
	for (int i = 0; group && i < MOST_THREADS; i++) {
		if (node == head)
			break;
		task = (void *)node - bpf_core_field_offset(struct task_struct, thread_node);
		/* Not of it, or it has become another's: it is looked at again. */
		if (!look_at_thread((u64)(void *)task))
			break;
		node = FOUND(task, thread_node.next);
		if (i == MOST_THREADS - 1 && node != head)
			visit_next =
			    FOUND((struct task_struct *)((void *)node - bpf_core_field_offset(
			                                                    struct task_struct, thread_node)),
			          pid);
	}
	if (!visit.threads || visit.ended)
		drop_if_of(visit.pid, visit.start_ns);
	/* A thread that we were to go on with has ended: whoever was looked for may be among the rest. */
	else if (visit.tid && !visit.found && !visit_next && visit.threads < (u32)FOUND(group, nr_threads))
		visit.error = -NZ_EAGAIN;
	return 0;
}
#endif
