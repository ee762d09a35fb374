/* SPDX-License-Identifier: GPL-2.0-only */
/* What stall tracking keeps, and the two ways out of it: a small ring, and the mailbox of visits. */
#ifndef NEZUBAN_WATCHED_H
#define NEZUBAN_WATCHED_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <nezuban/stalls.h>

#include "compat.h"

/* Of one watched process. */
struct watched {
#ifdef NZ_HASH
	u64 start_ns; /* its pid alone names nobody */
#endif
	u64 last_on;   /* jiffies when a thread of it got on or off a processor */
	u64 proven;    /* a value of last_on at which all its threads were seen off their processors later */
	u64 threshold; /* jiffies; 0: not watched for silence, only known for its threads */
	u64 longest;   /* jiffies */
	u32 followed;  /* threads of it in `followed` */
	u32 counted;   /* threads of it in `spinners` */
	u32 slots[NZ_STALL_SLOTS];
};

#ifdef NZ_HASH
#include "watched_hash.h"
#else
#include "watched_storage.h"
#endif

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, NZ_FOLLOWED);
	__type(key, u32);
	__type(value, struct nz_followed);
} followed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, NZ_SPINNERS);
	__type(key, u32);
	__type(value, struct nz_spinner);
} spinners SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 << 10);
} stalls SEC(".maps");

const volatile __u64 tick_ns = 4000000; /* a jiffy */
const volatile __u64 floor_ticks = 16;  /* NZ_STALL_FLOOR_MS */

__u64 lost; /* records that found the ring full */
struct nz_visit visit;
__u64 visit_began, visit_last_on;

#endif
