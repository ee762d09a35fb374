/* SPDX-License-Identifier: GPL-2.0-only */
/* The one way out: a record is sent whole or counted as lost, never neither. */
#ifndef NEZUBAN_RING_H
#define NEZUBAN_RING_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <nezuban/events.h>

/* max_entries is set before loading, from daemon.ring_size. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} ring SEC(".maps");

/* In .bss, which user space maps: looking for losses costs it no system call. */
struct nz_counters counters;

static __always_inline void count_sent(u32 kind)
{
	__sync_fetch_and_add(&counters.sent[kind], 1);
}

static __always_inline void count_lost(u32 kind)
{
	__sync_fetch_and_add(&counters.lost[kind], 1);
}

static __always_inline void *reserve(u32 kind, u64 size)
{
	struct nz_head *head = bpf_ringbuf_reserve(&ring, size, 0);

	if (!head) {
		count_lost(kind);
		return 0;
	}
	head->kind = kind;
	head->size = size;
	head->time_ns = bpf_ktime_get_ns();
	return head;
}

static __always_inline void submit(u32 kind, void *record)
{
	bpf_ringbuf_submit(record, 0);
	count_sent(kind);
}

#endif
