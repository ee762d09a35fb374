/* SPDX-License-Identifier: GPL-2.0-only */
/* What is kept of a process lies in its leader's task storage: one load tells that there is none. */
#ifndef NEZUBAN_WATCHED_STORAGE_H
#define NEZUBAN_WATCHED_STORAGE_H

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct watched);
} watched SEC(".maps");

/* As FOLLOW, of a task that user space wants to have looked at: an iterator vouches for it. */
#define FOUND(...) ___arrow(__VA_ARGS__)

#define NZ_ENOMEM 12

static __always_inline struct watched *watched_of(struct task_struct *task)
{
	struct task_struct *leader = task->group_leader;

	return leader->bpf_storage ? bpf_task_storage_get(&watched, leader, 0, 0) : 0;
}

static __always_inline struct watched *watched_found(struct task_struct *task)
{
	return watched_of(task);
}

static __always_inline struct watched *keep(struct task_struct *leader, u64 now, s32 *error)
{
	struct watched fresh = {.last_on = now};
	struct watched *of = bpf_task_storage_get(&watched, leader, &fresh, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!of)
		*error = -NZ_ENOMEM;
	return of;
}

static __always_inline void drop(struct task_struct *leader)
{
	bpf_task_storage_delete(&watched, leader);
}

static __always_inline struct task_struct *current_task(void)
{
	return bpf_get_current_task_btf();
}

/* Of those who come back at the same moment, one ends the stall. The exchange is in order with all that was
 * read before. */
static __always_inline bool end_stall(struct watched *of, u32 pid, u64 last, u64 now)
{
	return __sync_val_compare_and_swap(&of->last_on, last, now) == last;
}

static __always_inline bool unchanged(struct watched *of, u64 last)
{
	return __sync_val_compare_and_swap(&of->last_on, last, last) == last;
}

#endif
