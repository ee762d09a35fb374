/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the wait scan writes: see events.h for the rules of this border.
 */
#ifndef NEZUBAN_WAITS_H
#define NEZUBAN_WAITS_H

#include <nezuban/events.h>

#define NZ_STACK 24        /* frames kept of a kernel stack */
#define NZ_SOCKET_PATH 108 /* of a Unix socket, sun_path */

/* Why a thread is told; also what a scan is asked for. */
enum nz_wait_why {
	NZ_WAIT_BLOCKED = 1, /* in D, not idle */
	NZ_WAIT_STOPPED = 2, /* T or t */
	NZ_WAIT_LOCK = 4,    /* in a futex wait that may be one for a lock */
	NZ_WAIT_RUNNING = 8, /* on a processor, or ready to */
	NZ_WAIT_ASKED = 16,  /* by its tid or its process */
};

enum nz_wait_flag {
	NZ_THREAD_KERNEL = 1,
	NZ_THREAD_KILLABLE = 2,
	NZ_THREAD_FROZEN = 4,
	NZ_THREAD_ON_CPU = 8,
	NZ_THREAD_IN_SYSCALL = 16, /* syscall and args mean something */
	NZ_THREAD_COMPAT = 32,
	NZ_THREAD_BY_SYSCALL = 64, /* the last way into the kernel was a system call */
	NZ_THREAD_OFF_KNOWN = 128, /* off_ns means something */
	NZ_THREAD_EXITING = 256,
	NZ_THREAD_ADDRESSES = 512, /* its stack is told as addresses, of 64 bits each */
};

/* What user space asks of a pass, written into the program's memory. */
#define NZ_ASKED 1024 /* words of 64 bits */
struct nz_wait_wish {
	__u64 least_ns; /* of NZ_WAIT_BLOCKED and NZ_WAIT_LOCK */
	__u32 kinds;    /* enum nz_wait_why */
	__u32 work;     /* after so much of it (a thread that is not told is 1) a read returns */
	__u32 stacks;   /* at most of those who are told as blocked and not asked for; counted down */
	__u32 reserved;
	/* A bit for each pid and tid, by its low 16 bits: who shares them is told too, for user space to
	 * drop. */
	__u64 asked_processes[NZ_ASKED];
	__u64 asked_threads[NZ_ASKED];
};

struct nz_wait {
	__u64 start_ns;        /* of the process, as in nz_task */
	__u64 thread_start_ns; /* CLOCK_BOOTTIME */
	__u64 off_ns;          /* since it left its processor; never more than it was */
	__u64 voluntary;
	__u64 forced;
	__u64 cpu_ns;
	__u64 system_ns;
	__u64 args[6];
	__s64 syscall;
	__u64 user_address;
	__u64 tracer_start_ns;
	__u32 pid;
	__u32 tid;
	__u32 tid_in_namespace;
	__u32 pid_namespace; /* inode of it */
	__u32 state;         /* task_struct::__state, raw */
	__u32 exit_state;
	__u32 why;
	__u32 flags;
	__u32 tracer_pid; /* 0: none */
	__u32 stack_size; /* bytes that follow: frames innermost first, each ended by a newline, or
	                     NZ_THREAD_ADDRESSES */
	char comm[NZ_COMM];
	char tracer_comm[NZ_COMM];
};

enum nz_socket_family { NZ_SOCKET_TCP, NZ_SOCKET_UDP, NZ_SOCKET_UNIX };
enum nz_socket_flag {
	NZ_SOCKET_LISTENING = 1,
	NZ_SOCKET_PEER_CLOSED = 2,
	NZ_SOCKET_BOUND = 4, /* its port or path was chosen by the program */
	NZ_SOCKET_V6 = 8,
	NZ_SOCKET_STREAM = 16,
	NZ_SOCKET_DATAGRAM = 32,
	NZ_SOCKET_SEQPACKET = 64,
	NZ_SOCKET_FROZEN = 128, /* who holds it is, by its cgroup or a suspend */
};

/* A socket behind a descriptor, with work in its queue; or, to know which ports are served here, listening.
 */
struct nz_socket {
	__u64 start_ns; /* of the process that holds it */
	__u64 inode;
	__u64 mark; /* see SocketQueue::mark */
	__u32 pid;
	__u32 fd;
	__u32 family;
	__u32 flags;
	__u32 length;
	__u32 limit;
	__u32 network_namespace; /* inode of it */
	__u16 local_port;        /* host order */
	__u16 peer_port;
	__u8 local[16]; /* IPv4: the first four */
	__u8 peer[16];
	__u32 path_size; /* of a Unix socket; 0: nameless */
	__u32 reserved;
	char path[NZ_SOCKET_PATH];
	__u32 reserved2;
};

#endif
