// SPDX-License-Identifier: GPL-2.0-only
/*
 * A filter of a Unix datagram socket that anybody may send to: what carries descriptors is dropped. The
 * filter runs in the sender's system call, when the descriptors hang on the message already, so whatever the
 * last close of one of them has to wait for (a socket that lingers, a file of FUSE) the sender waits for.
 * Once the message is in the queue it would be the receiver, whether he takes them or not.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

char LICENSE[] SEC("license") = "GPL";

/* The verifier lets no filter read this part of a message; but what it is given is the kernel's own buffer.
 */
SEC("socket")
int refuse_descriptors(struct __sk_buff *message)
{
	struct unix_skb_parms *parms = (void *)message + bpf_core_field_offset(struct sk_buff, cb);

	return BPF_CORE_READ(parms, fp) ? 0 : -1;
}
