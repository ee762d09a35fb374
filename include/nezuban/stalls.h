/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What stall tracking keeps and tells: see events.h for the rules of this border.
 *
 * Inside the kernel program time is in jiffies, which stand still while the machine is suspended and cost
 * nothing to read; what user space reads is in nanoseconds of the same clock.
 */
#ifndef NEZUBAN_STALLS_H
#define NEZUBAN_STALLS_H

#include <nezuban/events.h>

#define NZ_STALL_SLOTS 32    /* slot n: stalls of 2^n ms or more, and less than twice that */
#define NZ_STALL_FLOOR_MS 64 /* what is shorter is no stall */

#define NZ_WATCHED 8192  /* processes watched at a time, where they are kept in a hash */
#define NZ_FOLLOWED 1024 /* threads followed at a time */
#define NZ_SPINNERS 64   /* threads whose system calls are counted at a time */

/* A thread that was followed, or (tid 0) a process after a stall, is back on a processor. */
struct nz_stall {
	__u64 time_ns;  /* CLOCK_MONOTONIC */
	__u64 start_ns; /* of the process */
	__u64 off_ns;   /* 0: unknown */
	__u32 pid;
	__u32 tid;
};

struct nz_followed {
	__u64 thread_start_ns; /* CLOCK_BOOTTIME */
};

struct nz_spinner {
	__u64 thread_start_ns;
	__u64 syscalls;
};

enum nz_visit_wish {
	NZ_VISIT_LOOK = 0,
	NZ_VISIT_WATCH = 1,
	NZ_VISIT_FORGET = 2,
	NZ_VISIT_FOLLOW = 3,
	NZ_VISIT_COUNT = 4,
	NZ_VISIT_UNCOUNT = 5,
};

/* What user space asks of one process, and the answer. */
struct nz_visit {
	/* asked */
	__u64 start_ns;
	__u64 threshold_ns;
	__u64 thread_start_ns;
	__u32 pid;
	__u32 tid;
	__u32 wish; /* enum nz_visit_wish */
	/* answered */
	__s32 error;   /* an errno, negative */
	__u32 threads; /* of it that were seen; 0: nobody of that identity is there */
	__u32 ended;   /* its last thread has */
	__u32 kept;    /* it is known here: what follows means something */
	__u32 on_cpu;  /* one of them was on a processor */
	__u32 found;   /* the thread is one of them */
	__u32 reserved;
	__u64 silent_ns; /* 0: or for less than the floor, or somebody got on a processor meanwhile */
	__u64 longest_ns;
	__u32 slots[NZ_STALL_SLOTS];
};

/* Who sent the last signal that stops a process; key: its pid. */
struct nz_stopper {
	__u64 start_ns; /* of the process that was stopped */
	__u32 pid;      /* 0: the kernel itself */
	__u32 uid;
	__s32 signal;
	char comm[NZ_COMM];
	__u32 reserved;
};

#endif
