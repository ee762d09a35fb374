// SPDX-License-Identifier: GPL-2.0-only
/* The least that can be attached where a monitor has to be, and the least that an iterator can do. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

#define EMPTY(name, hook)                                                                                              \
    SEC(hook)                                                                                                          \
    int name(void* ctx) {                                                                                              \
        return 0;                                                                                                      \
    }

EMPTY(empty_fork, "raw_tp/sched_process_fork")
EMPTY(empty_exec, "raw_tp/sched_process_exec")
EMPTY(empty_exit, "raw_tp/sched_process_exit")

__u64 seen;

SEC("iter/task")
int count_tasks(struct bpf_iter__task* ctx) {
    struct task_struct* task = ctx->task;

    if (task && task->pid == task->tgid) seen++;
    return 0;
}
