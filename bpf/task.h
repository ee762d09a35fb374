/* SPDX-License-Identifier: GPL-2.0-only */
/* What we tell of a task, the same in an event and in the snapshot. */
#ifndef NEZUBAN_TASK_H
#define NEZUBAN_TASK_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include <nezuban/events.h>

static __always_inline u64 mix(u64 hash, u64 value)
{
	return (hash ^ value) * 0x100000001b3ULL;
}

/* index is a constant when the program is loaded, so these are plain loads and not calls of a helper. */
static __always_inline u64 subsys_cgroup_id(struct css_set *set, u64 index)
{
	struct cgroup_subsys_state *state = set->subsys[index];

	return state ? state->cgroup->kn->id : 0;
}

/*
 * One number for "all cgroups of this task, in v2 and in every v1 hierarchy". The css_set is exactly that,
 * but its address may be used again after it is gone; the ids of kernfs nodes are not, so a few of them go in
 * too.
 */
static __always_inline u64 cgroup_key(struct task_struct *task)
{
	struct css_set *set = task->cgroups;
	u64 address, hash = 0xcbf29ce484222325ULL;

	if (!set)
		return 0;
	/* As a number: the verifier refuses arithmetic on what it knows to be a pointer. */
	if (bpf_probe_read_kernel(&address, sizeof(address), &task->cgroups))
		return 0;
	hash = mix(hash, address);
	hash = mix(hash, set->dfl_cgrp->kn->id);
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
	const struct cred *cred = leader->cred;

	out->start_ns = leader->start_boottime;
	out->cgroup_key = cgroup_key(leader);
	out->pid = leader->tgid;
	out->ppid = leader->real_parent->tgid;
	out->uid = cred->euid.val;
	out->gid = cred->egid.val;
	out->reserved = 0;
	out->flags = leader->flags & PF_KTHREAD ? NZ_TASK_KERNEL : 0;
	bpf_probe_read_kernel(out->comm, sizeof(out->comm), leader->comm);
}

#endif
