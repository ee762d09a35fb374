/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a thread came into the kernel: its registers as it left its program. A helper finds them (since 5.15);
 * where it is missing we look where it would: at the end of the thread's kernel stack. How long a stack is,
 * and what lies beyond them, depends on how a kernel was built (KASAN doubles the one, FRED adds 16 bytes
 * since 6.9) and is in no BTF: so it is found out by our own thread, in a system call whose arguments we
 * know, or there are none.
 */
#ifndef NEZUBAN_REGISTERS_H
#define NEZUBAN_REGISTERS_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "compat.h"
#include "thread.h"

const volatile bool registers_by_helper = true;

__u32 registers_at; /* from where a stack begins; 0: nobody knows */

/* The system call in which find_registers runs, and its last three arguments. */
__u64 own_syscall;
__u64 own_marks[3];

/* In words of our own. */
struct entry {
	u64 args[6];
	u64 address;
	s64 syscall; /* -1: by a fault or an interrupt */
	bool compat;
};

/* The helper vouches for its registers: plain loads. */
#define LOADED(field) regs->field
#define PROBED(field) BPF_CORE_READ(regs, field)

#if defined(__TARGET_ARCH_x86)

#define FUTEX_CALL 202
#define USER32_CS 0x23
#define TS_COMPAT 2

#define REGISTERS struct pt_regs___x86
#define SYSCALL_REGISTER orig_ax

/* The second: a 64-bit program that calls with int 0x80. */
#define FILL_ENTRY(GET, STATUS)                                                                              \
	entry->syscall = (s64)GET(orig_ax);                                                                  \
	entry->args[0] = GET(di);                                                                            \
	entry->args[1] = GET(si);                                                                            \
	entry->args[2] = GET(dx);                                                                            \
	entry->args[3] = GET(r10);                                                                           \
	entry->args[4] = GET(r8);                                                                            \
	entry->args[5] = GET(r9);                                                                            \
	entry->address = GET(ip);                                                                            \
	entry->compat = (u16)GET(cs) == USER32_CS || STATUS & TS_COMPAT

#elif defined(__TARGET_ARCH_arm64)

#define FUTEX_CALL 98
#define PSR_MODE32_BIT 0x10

#define REGISTERS struct pt_regs___aarch64
#define SYSCALL_REGISTER syscallno

#define FILL_ENTRY(GET, STATUS)                                                                              \
	entry->syscall = GET(syscallno);                                                                     \
	entry->args[0] = GET(orig_x0);                                                                       \
	entry->args[1] = GET(regs[1]);                                                                       \
	entry->args[2] = GET(regs[2]);                                                                       \
	entry->args[3] = GET(regs[3]);                                                                       \
	entry->args[4] = GET(regs[4]);                                                                       \
	entry->args[5] = GET(regs[5]);                                                                       \
	entry->address = GET(pc);                                                                            \
	entry->compat = GET(pstate) & PSR_MODE32_BIT

#endif

static __always_inline void read_entry(struct entry *entry, struct task_struct *task, REGISTERS *regs)
{
	if (registers_by_helper) {
		FILL_ENTRY(LOADED, task->thread_info.status);
	} else {
		FILL_ENTRY(PROBED, task->thread_info.status);
	}
}

static __always_inline s64 read_syscall(REGISTERS *regs)
{
	return registers_by_helper ? (s64)LOADED(SYSCALL_REGISTER) : (s64)PROBED(SYSCALL_REGISTER);
}

static __always_inline REGISTERS *registers_on_stack(struct task_struct *task)
{
	REGISTERS *regs = BPF_CORE_READ(task, stack) + registers_at;
	u64 number;

	/* A stack goes before its thread does. */
	if (!registers_at || bpf_core_read(&number, sizeof(regs->SYSCALL_REGISTER), &regs->SYSCALL_REGISTER))
		return 0;
	return regs;
}

/* None for kernel threads and for those that never return to a program: theirs are zeroes, which reads as
 * read(0). */
static __always_inline REGISTERS *user_registers(struct task_struct *task, u32 task_flags)
{
	if (task_flags & (PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER))
		return 0;
	return registers_by_helper ? (REGISTERS *)bpf_task_pt_regs(task) : registers_on_stack(task);
}

#define LEAST_STACK (8 << 10)
#define MOST_STACK (128 << 10)
#define MOST_BEYOND 16

/* Run by user space itself, once. */
SEC("?raw_tp")
int find_registers(void *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	void *stack = BPF_CORE_READ(task, stack);

	for (u32 size = LEAST_STACK; size <= MOST_STACK; size *= 2) {
		for (u32 beyond = 0; beyond <= MOST_BEYOND; beyond += 8) {
			u32 at = size - beyond - bpf_core_type_size(REGISTERS);
			REGISTERS *regs = stack + at;
			struct entry found = {}, *entry = &found;

			FILL_ENTRY(PROBED, 0);
			if ((u64)entry->syscall != own_syscall || entry->args[3] != own_marks[0] ||
			    entry->args[4] != own_marks[1] || entry->args[5] != own_marks[2])
				continue;
			registers_at = at;
			return 0;
		}
	}
	return 0;
}

#endif
