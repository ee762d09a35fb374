/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every way in which kernels from 5.10 on differ for us, so that a reader of the programs need not know.
 * Differences in a tracepoint's arguments are decided in user space (probe/features.cpp), because a program
 * that reads an argument that isn't there does not load:
 *
 *   sched_process_exit(task, group_dead): the second argument is there in 6.18 and not in 6.12;
 *                                         handle_exit, else handle_exit_by_count
 *   mark_victim(task, uid): was mark_victim(pid) up to 6.7; handle_oom, else handle_oom_by_pid
 */
#ifndef NEZUBAN_COMPAT_H
#define NEZUBAN_COMPAT_H

#include <bpf/bpf_core_read.h>

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

#endif
