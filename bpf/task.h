/* SPDX-License-Identifier: GPL-2.0-only */
/* What we tell of a task, the same in an event and in the snapshot. */
#ifndef NEZUBAN_TASK_H
#define NEZUBAN_TASK_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include <nezuban/events.h>

#include "compat.h"

static __always_inline u64 mix(u64 hash, u64 value)
{
	return (hash ^ value) * 0x100000001b3ULL;
}

/* index is a constant when the program is loaded, so that with types these are plain loads. */
static __always_inline u64 subsys_cgroup_id(struct css_set *set, u64 index)
{
	struct cgroup_subsys_state *state = FOLLOW(set, subsys[index]);

	return state ? FOLLOW(state, cgroup, kn, id) : 0;
}

/*
 * One number for "all cgroups of this task, in v2 and in every v1 hierarchy". The css_set is exactly that,
 * but its address may be used again after it is gone; the ids of kernfs nodes are not, so a few of them go in
 * too.
 */
static __always_inline u64 cgroup_key(struct task_struct *task)
{
	struct css_set *set = FOLLOW(task, cgroups);
	u64 address, hash = 0xcbf29ce484222325ULL;

	if (!set)
		return 0;
	/* As a number: the verifier refuses arithmetic on what it knows to be a pointer. */
	if (bpf_probe_read_kernel(&address, sizeof(address), &task->cgroups))
		return 0;
	hash = mix(hash, address);
	hash = mix(hash, FOLLOW(set, dfl_cgrp, kn, id));
	if (bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id))
		hash = mix(hash,
		           subsys_cgroup_id(set, bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id)));
	if (bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id))
		hash = mix(hash,
		           subsys_cgroup_id(set, bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id)));
	return hash;
}

/* leader: a thread group leader, dead or alive. */
static __always_inline void fill_task(struct nz_task *out, struct task_struct *leader)
{
	const struct cred *cred = FOLLOW(leader, cred);

	out->start_ns = FOLLOW(leader, start_boottime);
	out->cgroup_key = cgroup_key(leader);
	out->pid = FOLLOW(leader, tgid);
	out->ppid = FOLLOW(leader, real_parent, tgid);
	out->uid = FOLLOW(cred, euid.val);
	out->gid = FOLLOW(cred, egid.val);
	out->reserved = 0;
	out->flags = FOLLOW(leader, flags) & PF_KTHREAD ? NZ_TASK_KERNEL : 0;
	bpf_probe_read_kernel(out->comm, sizeof(out->comm), leader->comm);
}

#endif
