/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What was found on the kernel stack of a thread in D, the nearest first: see events.h for the rules of this
 * border.
 */
#ifndef NEZUBAN_DEVICE_H
#define NEZUBAN_DEVICE_H

#include <nezuban/events.h>

#define NZ_DEVICE_NAME 32
#define NZ_DEVICE_ASKED 1024 /* words of 64 bits */
#define NZ_DEVICES_TOLD 3    /* of one thread, at most */

/* What user space asks for, written into the program's memory: a bit for each tid, by its low 16 bits; who
 * shares them is told too, for user space to drop. */
struct nz_device_wish {
	__u64 asked[NZ_DEVICE_ASKED];
};

struct nz_device {
	__u64 thread_start_ns; /* CLOCK_BOOTTIME */
	__u64 switches;        /* of the thread, of both kinds: the same wait has the same number */
	__u32 tid;
	__u32 device; /* as the kernel has it: major << 20 | minor */
	__u32 words;  /* of the stack that were passed before it was found */
	__u32 reserved;
	char name[NZ_DEVICE_NAME];        /* super_block::s_id; empty: a block device itself */
	char file_system[NZ_DEVICE_NAME]; /* its type */
};

#endif
