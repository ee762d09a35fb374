/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a thread that is off its processor has left its kernel stack. */
#ifndef NEZUBAN_STACK_H
#define NEZUBAN_STACK_H

#include "vmlinux.h"
#include <bpf/bpf_core_read.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct thread_struct___x86 {
	unsigned long sp;
};

struct task_struct___x86 {
	struct thread_struct___x86 thread;
};

struct cpu_context___arm64 {
	unsigned long sp;
};

struct thread_struct___arm64 {
	struct cpu_context___arm64 cpu_context;
};

struct task_struct___arm64 {
	struct thread_struct___arm64 thread;
};

#pragma clang attribute pop

static __always_inline u64 stack_pointer(struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	return BPF_CORE_READ((struct task_struct___x86 *)task, thread.sp);
#elif defined(__TARGET_ARCH_arm64)
	return BPF_CORE_READ((struct task_struct___arm64 *)task, thread.cpu_context.sp);
#endif
}

/* A stack is 16 KiB, and begins at a multiple of that; of a larger one its first 16. */
static __always_inline u64 stack_end(u64 pointer)
{
	return (pointer | 0x3fff) + 1;
}

#endif
