// SPDX-License-Identifier: GPL-2.0-only
/*
 * Birth, change and death of processes. Threads cost an early return and tell nothing: none of this runs on a
 * context switch, and a host with 50,000 threads sends no more records than one with none.
 *
 * Sections start with '?': nothing is loaded unless probe/features.cpp asked for it.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "changes.h"
#include "compat.h"
#include "path.h"
#include "ring.h"
#include "task.h"

#include <nezuban/stalls.h>

char LICENSE[] SEC("license") = "GPL";

/* Names the records in the object's BTF, so that tests/skeleton can compare their layout with the C++ side's.
 */
union {
	struct nz_head head;
	struct nz_task task;
	struct nz_fork fork;
	struct nz_exec exec;
	struct nz_exit exit;
	struct nz_change change;
	struct nz_stopper stopper;
} records;

/* Who sent the last deadly signal to a process, kept until its exit is told. */
struct sender {
	u64 start_ns; /* of the target */
	u64 sent_ns;
	u32 pid;
	u32 uid;
	s32 signal;
	u32 flags; /* enum nz_exit_flag */
	char comm[NZ_COMM];
};

/* 4,096 processes under a deadly signal at once; beyond that the oldest lose their sender, not their exit. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, u32);
	__type(value, struct sender);
} senders SEC(".maps");

/* Who stopped a process, kept until it goes on. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, struct nz_stopper);
} stoppers SEC(".maps");

/* An exec record is too large for the stack; one for each CPU, because an exec runs in process context only.
 */
struct exec_buffer {
	struct nz_exec exec;
	char data[NZ_PATH + PATH_STEP + NZ_ARGS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct exec_buffer);
} exec_buffers SEC(".maps");

SEC(TRACEPOINT("sched_process_fork"))
int BPF_PROG(handle_fork, struct task_struct *parent, struct task_struct *child)
{
	struct nz_fork *event;

	if (FOLLOW(child, pid) != FOLLOW(child, tgid))
		return 0;
	event = reserve(NZ_FORK, sizeof(*event));
	if (!event)
		return 0;
	fill_task(&event->child, child);
	event->parent_pid = FOLLOW(parent, tgid);
	event->parent_start_ns = FOLLOW(parent, group_leader, start_boottime);
	event->flags = 0;
	if (FOLLOW(child, mm) && BPF_CORE_READ(child, mm) == BPF_CORE_READ(parent, mm))
		event->flags = NZ_FORK_SHARES_MEMORY;
	submit(NZ_FORK, event);
	return 0;
}

SEC(TRACEPOINT("sched_process_exec"))
int BPF_PROG(handle_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	struct exec_buffer *buffer;
	struct mm_struct *mm = FOLLOW(task, mm);
	u64 path_size, args_size, start, size;
	u32 zero = 0;

	buffer = bpf_map_lookup_elem(&exec_buffers, &zero);
	if (!buffer || !mm)
		return 0;
	fill_task(&buffer->exec.task, task);
	buffer->exec.flags = 0;
	buffer->exec.reserved = 0;

	path_size = read_path(buffer->data, FOLLOW(bprm, file), &buffer->exec.flags);

	/* The kernel has just written the arguments there itself, so the pages are present. */
	start = FOLLOW(mm, arg_start);
	args_size = FOLLOW(mm, arg_end) - start;
	if (args_size > NZ_ARGS) {
		args_size = NZ_ARGS;
		buffer->exec.flags |= NZ_EXEC_ARGS_CUT;
	}
	path_size &= 2 * NZ_PATH - 1;
	if (path_size > NZ_PATH + PATH_STEP - 1)
		return 0;
	if (bpf_probe_read_user(buffer->data + path_size, args_size, (void *)start)) {
		args_size = 0;
		buffer->exec.flags |= NZ_EXEC_ARGS_UNREAD;
	}
	buffer->exec.path_size = path_size;
	buffer->exec.args_size = args_size;

	size = sizeof(buffer->exec) + path_size + args_size;
	if (size > sizeof(*buffer))
		return 0;
	buffer->exec.head.kind = NZ_EXEC;
	buffer->exec.head.size = size;
	buffer->exec.head.time_ns = bpf_ktime_get_ns();
	if (bpf_ringbuf_output(&ring, buffer, size, 0))
		count_lost(NZ_EXEC);
	else
		count_sent(NZ_EXEC);
	return 0;
}

static __always_inline int tell_exit(struct task_struct *task)
{
	struct task_struct *leader = FOLLOW(task, group_leader);
	struct signal_struct *group = FOLLOW(task, signal);
	u32 pid = FOLLOW(task, tgid);
	struct sender *sender;
	struct nz_exit *event;
	int status;

	event = reserve(NZ_EXIT, sizeof(*event));
	if (!event) {
		bpf_map_delete_elem(&senders, &pid);
		return 0;
	}
	if (FOLLOW(group, flags) & SIGNAL_GROUP_EXIT)
		status = FOLLOW(group, group_exit_code);
	else
		status = FOLLOW(leader, exit_code);
	event->start_ns = FOLLOW(leader, start_boottime);
	event->pid = pid;
	event->status = status;
	event->flags = status & 0x80 ? NZ_EXIT_CORE : 0;
	event->sent_ns = 0;
	event->sender_pid = 0;
	event->sender_uid = 0;
	event->sender_signal = 0;
	__builtin_memset(event->sender_comm, 0, sizeof(event->sender_comm));
	sender = bpf_map_lookup_elem(&senders, &pid);
	if (sender) {
		if (sender->start_ns == event->start_ns) {
			event->flags |= sender->flags;
			event->sent_ns = sender->sent_ns;
			event->sender_pid = sender->pid;
			event->sender_uid = sender->uid;
			event->sender_signal = sender->signal;
			__builtin_memcpy(event->sender_comm, sender->comm, sizeof(event->sender_comm));
		}
		bpf_map_delete_elem(&senders, &pid);
	}
	submit(NZ_EXIT, event);
	return 0;
}

/* Exact: the kernel itself says that this was the last thread. */
SEC(TRACEPOINT("sched_process_exit"))
int BPF_PROG(handle_exit, struct task_struct *task, bool group_dead)
{
	return group_dead ? tell_exit(task) : 0;
}

/*
 * Before group_dead: the counter has been lowered when we get here. Two threads that end together may both
 * find it at zero, so the consumer must bear an exit told twice.
 */
SEC(TRACEPOINT("sched_process_exit"))
int BPF_PROG(handle_exit_by_count, struct task_struct *task)
{
	return FOLLOW(task, signal, live.counter) == 0 ? tell_exit(task) : 0;
}

static __always_inline int tell_change(struct task_struct *task, const char *comm)
{
	struct nz_change *event;

	if (changes_too_often(FOLLOW(task, tgid)))
		return 0;
	event = reserve(NZ_CHANGE, sizeof(*event));
	if (!event)
		return 0;
	fill_task(&event->task, FOLLOW(task, group_leader));
	if (comm)
		bpf_probe_read_kernel_str(event->task.comm, sizeof(event->task.comm), comm);
	submit(NZ_CHANGE, event);
	return 0;
}

SEC(TRACEPOINT("task_rename"))
int BPF_PROG(handle_rename, struct task_struct *task, const char *comm)
{
	if (FOLLOW(task, pid) != FOLLOW(task, tgid) || task_in_execve(task))
		return 0;
	return tell_change(task, comm);
}

SEC(TRACEPOINT("cgroup_attach_task"))
int BPF_PROG(handle_cgroup, struct cgroup *to, const char *path, struct task_struct *task, bool threadgroup)
{
	if (FOLLOW(task, pid) != FOLLOW(task, tgid))
		return 0;
	return tell_change(task, 0);
}

/* 0: what the kernel does by default. */
static __always_inline void *handler_of(struct task_struct *task, int signal)
{
	void *handler = 0;

	/* By hand, because an index is scaled by our k_sigaction's size and not by the kernel's. */
	bpf_probe_read_kernel(&handler, sizeof(handler),
	                      (void *)FOLLOW(task, sighand) +
	                          bpf_core_field_offset(struct sighand_struct, action) +
	                          (signal - 1) * bpf_core_type_size(struct k_sigaction) +
	                          bpf_core_field_offset(struct k_sigaction, sa.sa_handler));
	return handler;
}

/* Does this signal end the target, unless it has a handler of its own? */
static __always_inline bool deadly(struct task_struct *task, int signal)
{
	switch (signal) {
	case 9: /* KILL */
		return true;
	case 1:  /* HUP */
	case 2:  /* INT */
	case 3:  /* QUIT */
	case 15: /* TERM */
		/* Told even with a handler: "exited with 0 after SIGTERM from systemctl" is what an operator
		 * asks. */
		return true;
	case 17: /* CHLD, URG, WINCH: not by default */
	case 23:
	case 28:
		return false;
	}
	if (signal < 1 || signal > 64)
		return false;
	return handler_of(task, signal) == 0;
}

/* False: the kernel's own (a fault, the OOM killer, a terminal): current only happens to be there. */
static __always_inline bool name_sender(struct kernel_siginfo *info, u32 *pid, u32 *uid, char *comm)
{
	struct task_struct *current;

	if ((u64)info == SEND_SIG_PRIV || ((u64)info != SEND_SIG_NOINFO && BPF_CORE_READ(info, si_code) > 0))
		return false;
	current = (struct task_struct *)bpf_get_current_task();
	*pid = BPF_CORE_READ(current, tgid);
	*uid = BPF_CORE_READ(current, cred, uid.val);
	bpf_probe_read_kernel_str(comm, NZ_COMM, BPF_CORE_READ(current, group_leader)->comm);
	return true;
}

#define SIGCONT 18
#define SIGSTOP 19 /* and TSTP, TTIN, TTOU */
#define SIGTTOU 22

static __always_inline void remember_stopper(struct task_struct *task, struct kernel_siginfo *info,
                                             int signal, int result)
{
	struct nz_stopper stopper = {.start_ns = FOLLOW(task, group_leader, start_boottime),
	                             .signal = signal};
	u32 pid = FOLLOW(task, tgid);

	/* Told as ignored when there is no handler for it; it goes on all the same. */
	if (signal == SIGCONT) {
		bpf_map_delete_elem(&stoppers, &pid);
		return;
	}
	if (result != 0 || (signal != SIGSTOP && handler_of(task, signal)))
		return;
	/* Who comes later isn't the one who stopped it. */
	if (FOLLOW(task, signal, flags) & SIGNAL_STOP_STOPPED)
		return;
	name_sender(info, &stopper.pid, &stopper.uid, stopper.comm);
	bpf_map_update_elem(&stoppers, &pid, &stopper, BPF_ANY);
}

SEC(TRACEPOINT("signal_generate"))
int BPF_PROG(handle_signal, int signal, struct kernel_siginfo *info, struct task_struct *task, int group,
             int result)
{
	struct sender sender = {};
	struct sender *known;
	u32 pid = FOLLOW(task, tgid);

	if (signal >= SIGCONT && signal <= SIGTTOU) {
		remember_stopper(task, info, signal, result);
		return 0;
	}
	if (result != 0 || !deadly(task, signal))
		return 0;
	sender.start_ns = FOLLOW(task, group_leader, start_boottime);
	sender.signal = signal;
	sender.sent_ns = bpf_ktime_get_ns();
	if (name_sender(info, &sender.pid, &sender.uid, sender.comm))
		sender.flags = NZ_EXIT_SENDER;
	known = bpf_map_lookup_elem(&senders, &pid);
	if (known && known->start_ns == sender.start_ns) {
		sender.flags |= known->flags & NZ_EXIT_OOM;
		/* The first one ended it; who sends another to make sure ends nobody. */
		if (known->signal == signal && known->sent_ns)
			sender.sent_ns = known->sent_ns;
	}
	bpf_map_update_elem(&senders, &pid, &sender, BPF_ANY);
	return 0;
}

static __always_inline void mark_oom(u32 pid, u64 start_ns)
{
	struct sender fresh = {.start_ns = start_ns, .signal = 9, .flags = NZ_EXIT_OOM};
	struct sender *known = bpf_map_lookup_elem(&senders, &pid);

	if (known)
		known->flags |= NZ_EXIT_OOM;
	else
		bpf_map_update_elem(&senders, &pid, &fresh, BPF_ANY);
}

SEC(TRACEPOINT("mark_victim"))
int BPF_PROG(handle_oom, struct task_struct *task)
{
	mark_oom(FOLLOW(task, tgid), FOLLOW(task, group_leader, start_boottime));
	return 0;
}

/*
 * Only the pid is told, but the SIGKILL that made the entry was sent a moment before. Raw in both objects: on
 * a kernel that tells the task (where only --without=oom-task leads here) the verifier takes it for no
 * number.
 */
SEC("?raw_tp/mark_victim")
int BPF_PROG(handle_oom_by_pid, u64 victim)
{
	mark_oom(victim >> 32 ? BPF_CORE_READ((struct task_struct *)victim, tgid) : victim, 0);
	return 0;
}
