/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The path of a file, as its components from the leaf to the root, so that a program that lives one
 * millisecond is known by its full path. bpf_d_path would do, but not in this kind of program.
 */
#ifndef NEZUBAN_PATH_H
#define NEZUBAN_PATH_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <nezuban/events.h>

#define PATH_STEP 256 /* NAME_MAX and its NUL */
#define PATH_DEPTH 24 /* steps, mount points among them */

/* out: NZ_PATH + PATH_STEP bytes. Returns the bytes written, less than NZ_PATH + PATH_STEP. */
static __always_inline u64 read_path(char *out, struct file *file, __u32 *flags)
{
	struct vfsmount *vfsmount = BPF_CORE_READ(file, f_path.mnt);
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct mount *mount = (void *)vfsmount - bpf_core_field_offset(struct mount, mnt);
	u64 size = 0;

	for (int i = 0; i < PATH_DEPTH; i++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
		u64 at = size;
		long length;

		if (dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
			struct mount *above = BPF_CORE_READ(mount, mnt_parent);

			if (above == mount)
				return size;
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mount = above;
			continue;
		}
		if (dentry == parent) /* no mount at all: a memfd */
			break;
		if (size >= NZ_PATH)
			break;
		/* The compiler knows that this changes nothing; the verifiers up to 6.1 don't. */
		barrier_var(at);
		at &= NZ_PATH - 1;
		length = bpf_probe_read_kernel_str(out + at, PATH_STEP, BPF_CORE_READ(dentry, d_name.name));
		if (length <= 0 || length > PATH_STEP)
			break;
		size = at + length;
		dentry = parent;
	}
	*flags |= NZ_EXEC_PATH_CUT;
	return 0;
}

#endif
