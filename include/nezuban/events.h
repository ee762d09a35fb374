/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What crosses the border between the kernel programs and user space.
 *
 * Plain C, naturally aligned, no padding that carries data: the same bytes are written by bpf/ and read
 * by userspace/probe/. tests/skeleton compares the layout that clang gave the BPF object (its BTF) with
 * the one that the C++ compiler gave us.
 *
 * A process is named by (pid, start): pid in the initial pid namespace, start in nanoseconds of
 * CLOCK_BOOTTIME. A pid alone names nobody.
 */
#ifndef NEZUBAN_EVENTS_H
#define NEZUBAN_EVENTS_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define NZ_COMM 16
/* Argument bytes kept of one exec; what is longer is cut and flagged. */
#define NZ_ARGS 4096
/* Path bytes of one exec, as components from the leaf to the root; longer is flagged and read from /proc. */
#define NZ_PATH 1024

/* So many changes of name and cgroup of one process are told in so long; more are left to a comparison. */
#define NZ_CHANGES_TOLD 16
#define NZ_CHANGES_NS 100000000ULL

enum nz_kind {
	NZ_FORK = 0,   /* struct nz_fork: a new process (threads are not told) */
	NZ_EXEC = 1,   /* struct nz_exec: it runs another program now */
	NZ_EXIT = 2,   /* struct nz_exit: its last thread is gone */
	NZ_CHANGE = 3, /* struct nz_change: it has another name or cgroup */
	NZ_KINDS = 4,
};

enum nz_task_flag {
	NZ_TASK_KERNEL = 1, /* a kernel thread */
	NZ_TASK_DYING = 2,  /* no living thread is left */
	NZ_TASK_ZOMBIE = 4, /* and its exit has been told already */
};

enum nz_fork_flag {
	NZ_FORK_SHARES_MEMORY = 1, /* it runs in its parent's memory until it execs: vfork, posix_spawn */
};

enum nz_exec_flag {
	NZ_EXEC_ARGS_CUT = 1,    /* the command line is longer than NZ_ARGS */
	NZ_EXEC_ARGS_UNREAD = 2, /* it could not be read in the kernel */
	NZ_EXEC_PATH_CUT = 4,    /* the path does not fit, or is deeper than we climb */
};

enum nz_exit_flag {
	NZ_EXIT_CORE = 1,   /* core dumped */
	NZ_EXIT_OOM = 2,    /* chosen by the OOM killer */
	NZ_EXIT_SENDER = 4, /* sender_* hold who sent the last deadly signal */
};

struct nz_task {
	__u64 start_ns;
	__u64
	    cgroup_key; /* the same for two tasks only if they share all their cgroups; means nothing else */
	__u32 pid;
	__u32 ppid;
	__u32 uid; /* effective, in the initial user namespace */
	__u32 gid;
	__u32 flags; /* enum nz_task_flag */
	__u32 reserved;
	char comm[NZ_COMM];
};

struct nz_head {
	__u32 kind;    /* enum nz_kind */
	__u32 size;    /* of the whole record */
	__u64 time_ns; /* CLOCK_MONOTONIC */
};

struct nz_fork {
	struct nz_head head;
	struct nz_task child;
	__u64 parent_start_ns; /* the process that called fork, whatever the child's ppid is */
	__u32 parent_pid;
	__u32 flags; /* enum nz_fork_flag */
};

struct nz_exec {
	struct nz_head head;
	struct nz_task task;
	__u32 flags;     /* enum nz_exec_flag */
	__u32 path_size; /* components, each ended by NUL, leaf first */
	__u32 args_size; /* arguments as in /proc/PID/cmdline, right after the path */
	__u32 reserved;
	/* path_size + args_size bytes follow */
};

struct nz_exit {
	struct nz_head head;
	__u64 start_ns;
	__u64 sent_ns; /* CLOCK_MONOTONIC; of sender_signal, when it was first sent; 0: none was */
	__u32 pid;
	__s32 status; /* as wait(2) gives it: code << 8, or signal, 0x80 for core */
	__u32 flags;  /* enum nz_exit_flag */
	__u32 sender_pid;
	__u32 sender_uid;
	__s32 sender_signal;
	char sender_comm[NZ_COMM];
};

struct nz_change {
	struct nz_head head;
	struct nz_task task;
};

/* Counted in the kernel, mapped into user space; never reset. */
struct nz_counters {
	__u64 sent[NZ_KINDS];
	__u64 lost[NZ_KINDS];
	__u64 held; /* changes that were left to the next comparison: more than NZ_CHANGES_TOLD */
};

#endif
