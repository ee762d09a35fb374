// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs that do nothing, on the same tracepoints as the real ones: what the kernel's statistics show for
 * these is the cost of being measured, to be taken off the others.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

#define EMPTY(name, hook)                                                                                    \
	SEC("tp_btf/" hook)                                                                                  \
	int name(void *ctx)                                                                                  \
	{                                                                                                    \
		return 0;                                                                                    \
	}

EMPTY(empty_fork, "sched_process_fork")
EMPTY(empty_exec, "sched_process_exec")
EMPTY(empty_exit, "sched_process_exit")
EMPTY(empty_rename, "task_rename")
EMPTY(empty_signal, "signal_generate")
