// SPDX-License-Identifier: GPL-2.0-only
/*
 * On which device does a thread in D wait? No system call and no descriptor tells it of a kernel thread, but
 * the functions on its stack hold what they work on. So the words of that stack are tried, from where it left
 * its processor upwards: those that lead to a live super block with a device behind it, or to a block device,
 * are told, each device once. A word is believed only when what it leads to points back.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include <nezuban/device.h>

#include "stack.h"
#include "thread.h"

char LICENSE[] SEC("license") = "GPL";

struct nz_device_wish wish;

/* One reader at a time. */
static struct nz_device found;
static u32 told[NZ_DEVICES_TOLD]; /* of this thread; 0 is no device */

/* Words of the stack are fetched by so many: a call for each would take most of the time. */
#define CHUNK 64
#define CHUNK_BYTES (CHUNK * sizeof(u64))
/*
 * How far up. A frozen ext4 was found 33 to 37 words up, whoever waited for it, and in four words of 128.
 * What earlier calls left in the gaps of the frames is found, too: 92 words up the disk that the parent of a
 * vfork had read before, and in one of 30 waits for that ext4 the disk of the program's own pages, 76 words
 * up.
 */
#define REACH 128
static u64 words[CHUNK];

#define S_IFMT 00170000
#define S_IFREG 0100000
#define S_IFBLK 0060000
#define S_IFDIR 0040000
#define S_IFLNK 0120000

static __always_inline bool is_kernel_pointer(u64 word)
{
	/* The last page is of errors, as pointers. */
	return (s64)word < -4096 && !(word & 7);
}

static __always_inline u64 word_at(u64 address)
{
	u64 word = 0;

	bpf_probe_read_kernel(&word, sizeof(word), (void *)address);
	return word;
}

static __always_inline u32 number_at(u64 address)
{
	u32 number = 0;

	bpf_probe_read_kernel(&number, sizeof(number), (void *)address);
	return number;
}

#define POINTER(base, type, member) word_at((base) + bpf_core_field_offset(struct type, member))
#define NUMBER(base, type, member) number_at((base) + bpf_core_field_offset(struct type, member))

static __always_inline bool is_super_block(u64 block)
{
	u64 root;

	if (!is_kernel_pointer(block))
		return false;
	root = POINTER(block, super_block, s_root);
	return is_kernel_pointer(root) && POINTER(root, dentry, d_sb) == block &&
	       POINTER(root, dentry, d_parent) == root;
}

/*
 * Functions that are not static are verified once each and not at every call, which would be beyond what the
 * verifiers take. 1: found is filled.
 */
__noinline int take_super_block(u64 block)
{
	u64 info, type;

	if (!is_super_block(block))
		return 0;
	/* Nothing lies behind pipes, sockets, /proc, tmpfs: theirs was never registered. */
	info = POINTER(block, super_block, s_bdi);
	if (!is_kernel_pointer(info) || !POINTER(info, backing_dev_info, dev))
		return 0;
	found.device = NUMBER(block, super_block, s_dev);
	type = POINTER(block, super_block, s_type);
	bpf_probe_read_kernel_str(found.name, sizeof(found.name),
	                          (void *)(block + bpf_core_field_offset(struct super_block, s_id)));
	bpf_probe_read_kernel_str(found.file_system, sizeof(found.file_system),
	                          (void *)POINTER(type, file_system_type, name));
	return 1;
}

__noinline int take_inode(u64 inode)
{
	u64 block;
	u32 mode;

	if (!is_kernel_pointer(inode))
		return 0;
	block = POINTER(inode, inode, i_sb);
	if (!is_kernel_pointer(block))
		return 0;
	mode = NUMBER(inode, inode, i_mode) & S_IFMT;
	if (mode == S_IFBLK && is_super_block(block)) {
		found.device = NUMBER(inode, inode, i_rdev);
		found.name[0] = 0;
		found.file_system[0] = 0;
		return 1;
	}
	if (mode != S_IFREG && mode != S_IFDIR && mode != S_IFLNK)
		return 0;
	return take_super_block(block);
}

__noinline int take_block_device(u64 device)
{
	u64 inode;

	if (!is_kernel_pointer(device))
		return 0;
	/* Until 6.9. */
	if (bpf_core_field_exists(struct block_device, bd_inode)) {
		inode = POINTER(device, block_device, bd_inode);
	} else {
		u64 mapping = POINTER(device, block_device, bd_mapping);

		inode = is_kernel_pointer(mapping) ? POINTER(mapping, address_space, host) : 0;
	}
	if (!is_kernel_pointer(inode) || !NUMBER(device, block_device, bd_dev) ||
	    NUMBER(device, block_device, bd_dev) != NUMBER(inode, inode, i_rdev))
		return 0;
	return take_inode(inode);
}

__noinline int take_word(u64 word)
{
	u64 mapping;

	if (!is_kernel_pointer(word))
		return 0;
	if (take_super_block(word) || take_inode(word) || take_block_device(word))
		return 1;
	if (take_super_block(POINTER(word, dentry, d_sb)))
		return 1;
	if (take_inode(POINTER(word, file, f_inode)))
		return 1;
	if (take_block_device(POINTER(word, buffer_head, b_bdev)))
		return 1;
	if (take_inode(POINTER(word, address_space, host)))
		return 1;
	/* A folio begins as a page does. */
	mapping = POINTER(word, page, mapping);
	return is_kernel_pointer(mapping) ? take_inode(POINTER(mapping, address_space, host)) : 0;
}

/* Whether the device that was just found has been told of this thread already. */
static __always_inline bool is_told(void)
{
	for (u32 i = 0; i < NZ_DEVICES_TOLD; i++)
		if (told[i] == found.device)
			return true;
	return false;
}

/* The words of one chunk from here to there. */
__noinline int take_chunk(u64 base, u64 from, u64 end)
{
	if (bpf_probe_read_kernel(words, sizeof(words), (void *)base))
		return 0;
	for (u32 i = 0; i < CHUNK; i++) {
		u64 address = base + i * sizeof(u64);

		if (address < from || address >= end || !take_word(words[i & (CHUNK - 1)]) || is_told())
			continue;
		found.words += (address - from) / sizeof(u64);
		return 1;
	}
	return 0;
}

/* found.words: where to begin; then, where it was found. */
static __always_inline bool walk(u64 pointer)
{
	u64 from = pointer + found.words * sizeof(u64);
	u64 base = from & ~(u64)(CHUNK_BYTES - 1);
	u64 end = pointer + REACH * sizeof(u64);

	if (end > stack_end(pointer))
		end = stack_end(pointer);
	for (u32 chunk = 0; chunk <= REACH / CHUNK && base < end; chunk++, base += CHUNK_BYTES)
		if (take_chunk(base, from, end))
			return true;
	return false;
}

SEC("iter/task")
int find_device(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	u32 tid;

	if (!task)
		return 0;
	tid = task->pid;
	if (!(wish.asked[tid >> 6 & (NZ_DEVICE_ASKED - 1)] >> (tid & 63) & 1))
		return 0;
	if (task->on_cpu || task->exit_state || !(task_state(task) & TASK_UNINTERRUPTIBLE))
		return 0;
	found.thread_start_ns = task->start_boottime;
	found.switches = task->nvcsw + task->nivcsw;
	found.tid = tid;
	found.words = 0;
	found.reserved = 0;
	__builtin_memset(told, 0, sizeof(told));
	for (u32 i = 0; i < NZ_DEVICES_TOLD && walk(stack_pointer(task)); i++) {
		bpf_seq_write(ctx->meta->seq, &found, sizeof(found));
		told[i] = found.device;
	}
	return 0;
}
