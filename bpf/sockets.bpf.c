// SPDX-License-Identifier: GPL-2.0-only
/* The sockets behind the descriptors of all processes: those with work in their queue, and those that listen.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include <nezuban/waits.h>

#include "socket.h"
#include "thread.h"

char LICENSE[] SEC("license") = "GPL";

/* Names the record in the object's BTF, for tests/skeleton. */
struct nz_socket *record;

/* Set by user space: how many descriptors a read looks at; how far this one has got. */
__u32 work;
__u32 done;

/* All sockets have this one, and no other file has it: seen once, the inode (another cache line) is spared.
 */
static const void *socket_operations;

#define S_IFMT 00170000
#define S_IFSOCK 0140000

SEC("iter/task_file")
int scan_sockets(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct nz_socket out = {};
	const void *operations;
	struct socket *socket;
	struct sock *sk;

	if (!task || !file)
		return 0;
	/* Makes the read return; the next one begins with this descriptor. */
	if (done >= work)
		return 1;
	done++;
	operations = file->f_op;
	if (operations != socket_operations) {
		if (socket_operations || (file->f_inode->i_mode & S_IFMT) != S_IFSOCK)
			return 0;
		socket_operations = operations;
	}
	socket = file->private_data;
	sk = BPF_CORE_READ(socket, sk);
	if (!sk || !read_socket(&out, sk))
		return 0;
	if (is_frozen(task, task_state(task), task->flags))
		out.flags |= NZ_SOCKET_FROZEN;
	out.start_ns = task->group_leader->start_boottime;
	out.pid = task->tgid;
	out.fd = ctx->fd;
	out.inode = file->f_inode->i_ino;
	bpf_seq_write(ctx->meta->seq, &out, sizeof(out));
	return 0;
}

/* Not attached unless it is needed: see socket.h. Raw on all kernels: the address is all that matters. */
SEC("raw_tp/consume_skb")
int BPF_PROG(handle_consume, struct sk_buff *buffer)
{
	u64 key = (u64)buffer;
	u64 *freed = bpf_map_lookup_elem(&lonely, &key);

	if (freed)
		__sync_fetch_and_add(freed, 1);
	return 0;
}
