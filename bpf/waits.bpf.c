// SPDX-License-Identifier: GPL-2.0-only
/*
 * The wait scan: who of all threads is stuck, or may be. What is read of every thread lies on the first lines
 * of its task_struct; the rest is read of those who are told.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include <nezuban/waits.h>

#include "registers.h"
#include "thread.h"

char LICENSE[] SEC("license") = "GPL";

const volatile bool symbols_by_helper = true;

struct nz_wait_wish wish;

/* The work of this read; user space starts each at 0. */
__u32 done;

#define WORK_TELL 4
#define WORK_STACK 20 /* the name of a frame takes some 1.5 microseconds */

#define STACK_TEXT 4096
#define STACK_LINE 128 /* KSYM_SYMBOL_LEN is longer, but no name that anybody has seen on a stack is */

/* One reader at a time: user space has a set of these for each object that it loads. */
static struct told {
	struct nz_wait wait;
	char text[STACK_TEXT + STACK_LINE];
} told;
static u64 frames[NZ_STACK];

/* include/uapi/linux/futex.h */
#define FUTEX_WAIT 0
#define FUTEX_LOCK_PI 6
#define FUTEX_WAIT_BITSET 9
#define FUTEX_LOCK_PI2 13
#define FUTEX_CMD_MASK 0x7f

/*
 * Of the thousands that sleep in futex, those who may wait for a lock. The condition variables and semaphores
 * of glibc wait for a 0 to change, its locks never do.
 */
static __always_inline bool may_wait_for_lock(const struct entry *entry)
{
	if (entry->compat || entry->syscall != FUTEX_CALL)
		return false;
	switch (entry->args[1] & FUTEX_CMD_MASK) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
		return (u32)entry->args[2] != 0;
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		return true;
	}
	return false;
}

static __always_inline bool asked(const u64 *bits, u32 number)
{
	return bits[number >> 6 & (NZ_ASKED - 1)] >> (number & 63) & 1;
}

/*
 * Pointers are read by the helper here and in thread.h. Of each plain load of one from a task, 6.18's
 * verifier asks whether its type is marked as safe, by walking all of the kernel's types, some 0.3 ms, on
 * each path anew: 94 ms for this program instead of 7.
 */
static __always_inline void fill_names(struct nz_wait *out, struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	struct pid *names = BPF_CORE_READ(task, thread_pid);
	struct upid own = {};

	out->start_ns = BPF_CORE_READ(leader, start_boottime);
	out->thread_start_ns = task->start_boottime;
	out->pid = task->tgid;
	out->tid = task->pid;
	out->tid_in_namespace = 0;
	out->pid_namespace = 0;
	bpf_probe_read_kernel(out->comm, sizeof(out->comm), task->comm);
	if (!names) /* it is being reaped */
		return;
	/* By hand, because an index is scaled by our upid's size and not by the kernel's. */
	bpf_probe_read_kernel(&own, sizeof(own),
	                      (void *)names + bpf_core_field_offset(struct pid, numbers) +
	                          BPF_CORE_READ(names, level) * bpf_core_type_size(struct upid));
	out->tid_in_namespace = own.nr;
	out->pid_namespace = BPF_CORE_READ(own.ns, ns.inum);
}

static __always_inline void fill_tracer(struct nz_wait *out, struct task_struct *task)
{
	struct task_struct *tracer = BPF_CORE_READ(task, parent);

	out->tracer_pid = 0;
	out->tracer_start_ns = 0;
	__builtin_memset(out->tracer_comm, 0, sizeof(out->tracer_comm));
	if (!task->ptrace)
		return;
	out->tracer_pid = BPF_CORE_READ(tracer, tgid);
	out->tracer_start_ns = BPF_CORE_READ(tracer, group_leader, start_boottime);
	bpf_probe_read_kernel(out->tracer_comm, sizeof(out->tracer_comm), tracer->comm);
}

/* "futex_do_wait+0x38/0x80\n", so that user space needs no symbols; else (before 5.13) addresses. The bytes
 * written. */
static __always_inline u32 write_stack(struct task_struct *task)
{
	long size;
	u32 at = 0;

	if (!symbols_by_helper) {
		size = bpf_get_task_stack(task, told.text, sizeof(frames), 0);
		return size > 0 ? size : 0;
	}
	size = bpf_get_task_stack(task, frames, sizeof(frames), 0);
	for (u32 i = 0; i < NZ_STACK; i++) {
		u32 here = at;
		long length;

		if (i * (long)sizeof(u64) >= size || at >= STACK_TEXT)
			break;
		barrier_var(here);
		here &= STACK_TEXT - 1;
		length = BPF_SNPRINTF(told.text + here, STACK_LINE, "%pB\n", frames[i]);
		/* With its NUL, that the next line writes over. */
		if (length <= 1)
			break;
		at = here + (length <= STACK_LINE ? length - 1 : STACK_LINE - 1);
	}
	return at;
}

SEC("iter/task")
int scan_threads(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct nz_wait *out = &told.wait;
	struct entry entry = {.syscall = -1};
	REGISTERS *registers = 0;
	u32 state, task_flags, why = 0, flags = 0;
	u64 size = sizeof(*out), off = 0;
	bool on_cpu, frozen, with_stack;

	if (!task)
		return 0;
	/* Makes the read return; the next one begins with this thread. */
	if (done >= wish.work)
		return 1;
	done++;
	state = task_state(task);
	task_flags = task->flags;
	on_cpu = task->on_cpu;
	if (asked(wish.asked_processes, task->tgid) || asked(wish.asked_threads, task->pid))
		why |= NZ_WAIT_ASKED;
	if (!task->exit_state) {
		if (on_cpu || !state)
			why |= NZ_WAIT_RUNNING;
		else if (state & TASK_UNINTERRUPTIBLE && !(state & TASK_NOLOAD))
			why |= NZ_WAIT_BLOCKED;
		else if (state & (__TASK_STOPPED | __TASK_TRACED))
			why |= NZ_WAIT_STOPPED;
		else if (state & TASK_INTERRUPTIBLE)
			why |= NZ_WAIT_LOCK; /* it remains to be seen */
		why &= wish.kinds | NZ_WAIT_ASKED;
	}
	if (!why)
		return 0;

	registers = user_registers(task, task_flags);
	if (why == NZ_WAIT_LOCK && (!registers || read_syscall(registers) != FUTEX_CALL))
		return 0;
	if (registers)
		read_entry(&entry, task, registers);
	/* The stack that they lie on goes before the thread does. */
	if (task->exit_state)
		entry = (struct entry){.syscall = -1};
	if (why & NZ_WAIT_LOCK && !may_wait_for_lock(&entry))
		why &= ~NZ_WAIT_LOCK;
	if (!on_cpu)
		off = time_off(task);
	if (off < wish.least_ns)
		why &= ~(NZ_WAIT_BLOCKED | NZ_WAIT_LOCK);
	if (!why)
		return 0;

	frozen = is_frozen(task, state, task_flags);
	if (off)
		flags |= NZ_THREAD_OFF_KNOWN;
	if (on_cpu)
		flags |= NZ_THREAD_ON_CPU;
	if (task_flags & PF_KTHREAD)
		flags |= NZ_THREAD_KERNEL;
	if (task_flags & PF_EXITING)
		flags |= NZ_THREAD_EXITING;
	if (state & TASK_WAKEKILL)
		flags |= NZ_THREAD_KILLABLE;
	if (frozen)
		flags |= NZ_THREAD_FROZEN;
	if (entry.compat)
		flags |= NZ_THREAD_COMPAT;
	if (entry.syscall >= 0)
		flags |= on_cpu ? NZ_THREAD_BY_SYSCALL : NZ_THREAD_BY_SYSCALL | NZ_THREAD_IN_SYSCALL;
	/* Nobody knows (as of a thread of io_uring): it must not look as if it never called the
	 * kernel. */
	if (!registers && !(task_flags & PF_KTHREAD))
		flags |= NZ_THREAD_BY_SYSCALL;

	fill_names(out, task);
	fill_tracer(out, task);
	out->off_ns = off;
	out->voluntary = task->nvcsw;
	out->forced = task->nivcsw;
	out->cpu_ns = task->se.sum_exec_runtime;
	out->system_ns = task->stime;
	__builtin_memcpy(out->args, entry.args, sizeof(out->args));
	out->syscall = entry.syscall;
	out->user_address = entry.address;
	out->state = state;
	out->exit_state = task->exit_state;
	out->why = why;
	out->flags = flags;
	out->stack_size = 0;
	done += WORK_TELL;
	with_stack = why & NZ_WAIT_ASKED;
	if (!with_stack && why & NZ_WAIT_BLOCKED && wish.stacks) {
		with_stack = true;
		wish.stacks--;
	}
	if (with_stack) {
		out->stack_size = write_stack(task);
		if (!symbols_by_helper)
			out->flags |= NZ_THREAD_ADDRESSES;
		done += WORK_STACK;
	}
	size += out->stack_size;
	barrier_var(size);
	if (size > sizeof(struct told))
		size = sizeof(struct told);
	/* Whole, or not now: when it doesn't fit, the next read begins with this thread. */
	bpf_seq_write(ctx->meta->seq, &told, size);
	return 0;
}
