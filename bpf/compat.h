/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every way in which kernels from 5.10 on differ for us, so that a reader of the programs need not know.
 * Differences in a tracepoint's arguments are decided in user space (probe/features.cpp), because a program
 * that reads an argument that isn't there does not load:
 *
 *   sched_process_exit(task, group_dead): without group_dead in 5.10, 6.1.176 and 6.12.107,
 *     with it in 6.18.44 and 7.2.13; handle_exit, else handle_exit_by_count
 *   mark_victim(task, uid): mark_victim(pid) in 5.10; the task in 6.1.176, which took it over
 *     from a later one, and in all after; handle_oom, else handle_oom_by_pid
 *
 * A tracepoint with types (tp_btf, since 5.5) vouches for its pointers; a raw one (since 4.17) does not.
 * Sources that run on either are compiled for both, the second time with NZ_RAW.
 *
 * docs/kernel-support.md has what was seen, and scripts/vm/run sees it again.
 */
#ifndef NEZUBAN_COMPAT_H
#define NEZUBAN_COMPAT_H

#include <bpf/bpf_core_read.h>

/*
 * FOLLOW(task, signal, flags) is task->signal->flags: a load for each arrow where the verifier knows what the
 * pointer is, a call of bpf_probe_read_kernel where it doesn't.
 */
#ifdef NZ_RAW
#define TRACEPOINT(name) "?raw_tp/" name
#define FOLLOW(...) BPF_CORE_READ(__VA_ARGS__)
#else
#define TRACEPOINT(name) "?tp_btf/" name
#define FOLLOW(...) ___arrow(__VA_ARGS__)
#endif

/*
 * Is this task inside execve? The bit is there for LSMs. Without it an exec would be preceded by a rename of
 * the same process: right, only told twice.
 */
static __always_inline bool task_in_execve(struct task_struct *task)
{
	if (!bpf_core_field_exists(task->in_execve))
		return false;
	return BPF_CORE_READ_BITFIELD_PROBED(task, in_execve);
}

/* __state since 5.14. */
struct task_struct___state {
	long state;
} __attribute__((preserve_access_index));

static __always_inline u32 task_state(struct task_struct *task)
{
	if (bpf_core_field_exists(task->__state))
		return task->__state;
	return ((struct task_struct___state *)task)->state;
}

struct pt_regs___x86 {
	unsigned long r10, r9, r8, dx, si, di, orig_ax, ip;
	unsigned short cs; /* of 64 bits, and 16 since 6.9 */
} __attribute__((preserve_access_index));

/* libbpf has a pt_regs___arm64 of its own, without syscallno. */
struct pt_regs___aarch64 {
	u64 regs[31];
	u64 pc;
	u64 pstate;
	u64 orig_x0;
	s32 syscallno;
} __attribute__((preserve_access_index));

#endif
