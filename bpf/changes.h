/* SPDX-License-Identifier: GPL-2.0-only */
/* Which changes of name and cgroup are told, and which are left to a comparison. */
#ifndef NEZUBAN_CHANGES_H
#define NEZUBAN_CHANGES_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <nezuban/events.h>

#include "ring.h"

/* Of a process that has changed its name or cgroup lately. */
struct changes {
	u64 since_ns;
	u64 told;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, u32);
	__type(value, struct changes);
} changers SEC(".maps");

/*
 * Has it changed so often that the next comparison will do? One loop of prctl makes a million records a
 * second, as many as the daemon can take; the ring is for everybody. Two that count at once may lose one of
 * it.
 */
static __always_inline bool changes_too_often(u32 pid)
{
	struct changes fresh = {.since_ns = bpf_ktime_get_ns(), .told = 1};
	struct changes *known = bpf_map_lookup_elem(&changers, &pid);

	if (!known) {
		bpf_map_update_elem(&changers, &pid, &fresh, BPF_ANY);
		return false;
	}
	if (fresh.since_ns - known->since_ns > NZ_CHANGES_NS) {
		*known = fresh;
		return false;
	}
	if (known->told < NZ_CHANGES_TOLD) {
		known->told++;
		return false;
	}
	__sync_fetch_and_add(&counters.held, 1);
	return true;
}

#endif
