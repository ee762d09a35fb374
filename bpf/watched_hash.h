/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is kept of a process lies in a hash, by its pid: for kernels without task storage in tracing programs
 * (before 5.12), or where it can't be used. There are no atomic operations with a result either, nor an
 * iterator over one process.
 */
#ifndef NEZUBAN_WATCHED_HASH_H
#define NEZUBAN_WATCHED_HASH_H

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, NZ_WATCHED);
	__type(key, u32);
	__type(value, struct watched);
} watched SEC(".maps");

/*
 * How many of the watched have a pid with these low bits: on a switch of anybody else one load, and not a
 * search in the hash. Written by visits alone, of which there is one at a time.
 */
#define NZ_CROWDS 1024
static u16 crowds[NZ_CROWDS];

/* The stalls that were ended last, so that of those who come back at the same moment one does it. */
struct ended {
	u64 last_on;
	u32 pid;
	u32 reserved;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct ended);
	__type(value, u32);
} ended SEC(".maps");

__u32 visit_next; /* a thread at which the visit under way goes on; 0: that was all */

/* As FOLLOW, of a task that we have found ourselves: nobody vouches for it. */
#define FOUND(...) BPF_CORE_READ(__VA_ARGS__)

static __always_inline struct watched *watched_as(u32 pid)
{
	return crowds[pid & (NZ_CROWDS - 1)] ? bpf_map_lookup_elem(&watched, &pid) : 0;
}

static __always_inline struct watched *watched_of(struct task_struct *task)
{
	struct watched *of = watched_as(FOLLOW(task, tgid));

	return of && of->start_ns == FOLLOW(task, group_leader, start_boottime) ? of : 0;
}

static __always_inline struct watched *watched_found(struct task_struct *task)
{
	struct watched *of = watched_as(FOUND(task, tgid));

	return of && of->start_ns == FOUND(task, group_leader, start_boottime) ? of : 0;
}

static __always_inline void drop_pid(u32 pid)
{
	if (!bpf_map_delete_elem(&watched, &pid))
		crowds[pid & (NZ_CROWDS - 1)]--;
}

static __always_inline void drop_if_of(u32 pid, u64 start_ns)
{
	struct watched *of = watched_as(pid);

	if (of && of->start_ns == start_ns)
		drop_pid(pid);
}

static __always_inline void drop(struct task_struct *leader)
{
	drop_pid(FOUND(leader, tgid));
}

static __always_inline struct watched *keep(struct task_struct *leader, u64 now, s32 *error)
{
	struct watched fresh = {.start_ns = FOUND(leader, start_boottime), .last_on = now};
	struct watched *of = watched_found(leader);
	u32 pid = FOUND(leader, tgid);

	if (of)
		return of;
	drop_pid(pid); /* of one who had this pid before */
	*error = bpf_map_update_elem(&watched, &pid, &fresh, BPF_NOEXIST);
	if (*error)
		return 0;
	crowds[pid & (NZ_CROWDS - 1)]++;
	return bpf_map_lookup_elem(&watched, &pid);
}

static __always_inline struct task_struct *current_task(void)
{
	return (struct task_struct *)bpf_get_current_task();
}

/* Read again at each call. */
static __always_inline bool unchanged(struct watched *of, u64 last)
{
	return *(volatile u64 *)&of->last_on == last;
}

/* The first to enter it in the map has ended it; the lock in there keeps what is read before from what is
 * read after. */
static __always_inline bool end_stall(struct watched *of, u32 pid, u64 last, u64 now)
{
	struct ended stall = {.last_on = last, .pid = pid};
	u32 nothing = 0;

	if (bpf_map_update_elem(&ended, &stall, &nothing, BPF_NOEXIST) || !unchanged(of, last))
		return false;
	of->last_on = now;
	return true;
}

#endif
