// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long has no thread of a process been on a processor, and when did that end? Asked on every context
 * switch of the machine, so it may cost nothing for who isn't watched, and that is one load to see. No
 * precise clock and no record unless a long stall has just ended.
 *
 * Compiled three times: with task storage; and with a hash (NZ_HASH), on tracepoints with types and on raw
 * ones (NZ_RAW).
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "group.h"
#include "visit.h"
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
	head = end_of(group);
	node = BPF_CORE_READ(group, thread_head.next);
	for (i = 0; i <= MOST_THREADS; i++) {
		struct task_struct *other;

		if (node == head)
			return false;
		other = thread_at(node);
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
