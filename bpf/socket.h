/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What waits in a socket's queue, and a mark that changes when some of it is taken. No lock is taken: a value
 * may be torn, but what is stuck doesn't change while it is read.
 */
#ifndef NEZUBAN_SOCKET_H
#define NEZUBAN_SOCKET_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

#include <nezuban/waits.h>

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_SEQPACKET 5
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_MPTCP 262
/* include/net/tcp_states.h; Unix sockets use them too. */
#define TCP_ESTABLISHED 1
#define TCP_FIN_WAIT1 4
#define TCP_FIN_WAIT2 5
#define TCP_CLOSE_WAIT 8
#define TCP_LISTEN 10
#define RCV_SHUTDOWN 1
#define SOCK_BINDADDR_LOCK 4
#define SOCK_BINDPORT_LOCK 8
#define SOCK_DONE_FLAG (1 << 1) /* enum sock_flags: a FIN has come, which takes a place in the sequence */

#define MOST_BUFFERS 64

/* Addresses go in, and nothing of them can be had back: the product is cut in half. */
static __always_inline u64 stir(u64 hash, u64 value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 32;
}

static __always_inline struct sk_buff *head_of(struct sock *sk)
{
	struct sk_buff *head = BPF_CORE_READ(sk, sk_receive_queue.next);

	return (void *)head == (void *)sk + bpf_core_field_offset(struct sock, sk_receive_queue) ? 0 : head;
}

static __always_inline u32 consumed_of(struct sk_buff *buffer)
{
	struct unix_skb_parms *parms = (void *)buffer + bpf_core_field_offset(struct sk_buff, cb);

	return BPF_CORE_READ(parms, consumed);
}

/* The address of a buffer is soon used again; what is in it tells one from the next. */
static __always_inline u64 mark_buffer(struct sk_buff *buffer, const void *data)
{
	u64 bytes[2] = {};
	u64 hash = stir(0, (u64)buffer);

	bpf_probe_read_kernel(bytes, sizeof(bytes), data);
	hash = stir(hash, BPF_CORE_READ(buffer, len));
	return stir(stir(hash, bytes[0]), bytes[1]);
}

/*
 * What is alone in the queue of a Unix socket, read, and followed by the same words again, looks as if nobody
 * had ever taken it: it lies at the same address (198 of 199 scans), and Unix sockets count nothing that they
 * give. So whoever frees a buffer that was seen in such a place says so here. That costs something for each
 * buffer of the machine: user space attaches it while a scan sees one for the second time.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, u64);
	__type(value, u64); /* how often it was freed */
} lonely SEC(".maps");

/* In this pass, those that were lonely in an earlier one; user space starts each at 0. */
__u32 doubtful;

static __always_inline u64 freed_so_often(struct sk_buff *buffer)
{
	u64 key = (u64)buffer, none = 0;
	u64 *freed = bpf_map_lookup_elem(&lonely, &key);

	if (!freed) {
		bpf_map_update_elem(&lonely, &key, &none, BPF_ANY);
		return 0;
	}
	doubtful++;
	return *freed;
}

static __always_inline void read_addresses(struct nz_socket *out, struct sock *sk, u32 family)
{
	u32 locks;

	out->network_namespace = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	out->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	out->peer_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	/* A port of the kernel's choice may be served too: somebody must have been told of it, who asked for
	 * an address. */
	locks = BPF_CORE_READ_BITFIELD_PROBED(sk, sk_userlocks);
	if (locks & SOCK_BINDPORT_LOCK || (locks & SOCK_BINDADDR_LOCK && !out->peer_port))
		out->flags |= NZ_SOCKET_BOUND;
	if (family == AF_INET6) {
		out->flags |= NZ_SOCKET_V6;
		BPF_CORE_READ_INTO(&out->local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&out->peer, sk, __sk_common.skc_v6_daddr);
	} else {
		*(u32 *)out->local = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
		*(u32 *)out->peer = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	}
}

static __always_inline bool read_tcp_listening(struct nz_socket *out, struct sock *sk)
{
	struct inet_connection_sock *connections = (void *)sk;
	struct request_sock *first = BPF_CORE_READ(connections, icsk_accept_queue.rskq_accept_head);

	out->flags |= NZ_SOCKET_LISTENING;
	out->length = BPF_CORE_READ(sk, sk_ack_backlog);
	out->limit = BPF_CORE_READ(sk, sk_max_ack_backlog);
	if (!out->length || !first)
		return true;
	out->mark = stir(stir(stir(0, (u64)first), BPF_CORE_READ(first, __req_common.skc_dport)),
	                 BPF_CORE_READ(first, __req_common.skc_daddr));
	return true;
}

static __always_inline bool read_tcp(struct nz_socket *out, struct sock *sk, u32 state)
{
	struct tcp_sock *tcp = (void *)sk;
	u32 copied;

	switch (state) {
	case TCP_LISTEN:
		return read_tcp_listening(out, sk);
	case TCP_CLOSE_WAIT:
		out->flags |= NZ_SOCKET_PEER_CLOSED;
		break;
	case TCP_ESTABLISHED:
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:
		break;
	default:
		return false;
	}
	copied = BPF_CORE_READ(tcp, copied_seq);
	out->length = BPF_CORE_READ(tcp, rcv_nxt) - copied;
	if (out->length && BPF_CORE_READ(sk, __sk_common.skc_flags) & SOCK_DONE_FLAG)
		out->length--;
	out->mark = stir(1, copied);
	/* Torn: it was read up to its end between the two. */
	return out->length && out->length < 1U << 31;
}

static __always_inline bool read_udp(struct nz_socket *out, struct sock *sk)
{
	struct udp_sock *udp = (void *)sk;
	struct sk_buff *head = head_of(sk);

	/* Readers take over the whole receive queue at once, and then from their own. */
	if (BPF_CORE_READ(udp, reader_queue.qlen))
		head = BPF_CORE_READ(udp, reader_queue.next);
	if (!head)
		return false;
	/* Torn: one of them is just moving from the one queue to the other. */
	out->length = BPF_CORE_READ(sk, sk_receive_queue.qlen) + BPF_CORE_READ(udp, reader_queue.qlen);
	if (!out->length)
		out->length = 1;
	/* From its header on: who sent it, its sum, and how it begins. */
	out->mark = mark_buffer(head, BPF_CORE_READ(head, head) + BPF_CORE_READ(head, transport_header));
	return true;
}

static __always_inline void read_path(struct nz_socket *out, struct sock *sk)
{
	struct unix_address *address = BPF_CORE_READ((struct unix_sock *)sk, addr);
	u32 size;

	if (!address)
		return;
	out->flags |= NZ_SOCKET_BOUND;
	size = BPF_CORE_READ(address, len) - sizeof(u16); /* sun_family */
	if (size > NZ_SOCKET_PATH)
		size = NZ_SOCKET_PATH;
	out->path_size = size;
	bpf_probe_read_kernel(out->path, size,
	                      (void *)address + bpf_core_field_offset(struct unix_address, name) +
	                          sizeof(u16));
}

/* Connecting sockets come and go at the same addresses; the inode of who connects doesn't. */
static __always_inline u64 mark_connection(struct sk_buff *head)
{
	struct sock *accepted = BPF_CORE_READ(head, sk);
	struct unix_sock *ends = (void *)accepted;
	struct sock *peer = BPF_CORE_READ(ends, peer);

	return stir(stir(stir(2, (u64)head), (u64)accepted),
	            BPF_CORE_READ(peer, sk_socket, file, f_inode, i_ino));
}

static __always_inline bool read_unix(struct nz_socket *out, struct sock *sk, u32 state)
{
	struct sk_buff *head = head_of(sk);
	struct sk_buff *buffer = head;
	void *end = (void *)sk + bpf_core_field_offset(struct sock, sk_receive_queue);

	if (state == TCP_LISTEN) {
		out->flags |= NZ_SOCKET_LISTENING;
		out->length = BPF_CORE_READ(sk, sk_receive_queue.qlen);
		out->limit = BPF_CORE_READ(sk, sk_max_ack_backlog);
		if (head)
			out->mark = mark_connection(head);
		return true;
	}
	if (!head)
		return false;
	for (int i = 0; i < MOST_BUFFERS && buffer && (void *)buffer != end; i++) {
		u32 size = BPF_CORE_READ(buffer, len);

		if (out->flags & NZ_SOCKET_STREAM) {
			u32 consumed = consumed_of(buffer);

			size = size > consumed ? size - consumed : 0;
		}
		out->length += size;
		buffer = BPF_CORE_READ(buffer, next);
	}
	/* Of a stream: only an urgent byte that was read out of turn. A datagram may well be empty. */
	if (!out->length && out->flags & NZ_SOCKET_STREAM)
		return false;
	if (!out->length)
		out->length = 1;
	if (BPF_CORE_READ(sk, sk_shutdown) & RCV_SHUTDOWN)
		out->flags |= NZ_SOCKET_PEER_CLOSED;
	out->mark = stir(mark_buffer(head, BPF_CORE_READ(head, data)), consumed_of(head));
	if (BPF_CORE_READ(sk, sk_receive_queue.qlen) == 1)
		out->mark = stir(out->mark, freed_so_often(head));
	return true;
}

/* False: there is nothing to tell of it. */
static __always_inline bool read_socket(struct nz_socket *out, struct sock *sk)
{
	u32 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	u32 state, protocol;
	bool told = false;

	if (family != AF_UNIX && family != AF_INET && family != AF_INET6)
		return false;
	state = BPF_CORE_READ(sk, __sk_common.skc_state);
	switch (BPF_CORE_READ(sk, sk_type)) {
	case SOCK_STREAM:
		out->flags = NZ_SOCKET_STREAM;
		break;
	case SOCK_DGRAM:
		out->flags = NZ_SOCKET_DATAGRAM;
		break;
	case SOCK_SEQPACKET:
		out->flags = NZ_SOCKET_SEQPACKET;
		break;
	default:
		return false;
	}
	if (family == AF_UNIX) {
		out->family = NZ_SOCKET_UNIX;
		if (!read_unix(out, sk, state))
			return false;
		read_path(out, sk);
		out->network_namespace = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
		return true;
	}
	protocol = BPF_CORE_READ(sk, sk_protocol);
	if (protocol == IPPROTO_MPTCP && state == TCP_LISTEN && bpf_core_type_exists(struct mptcp_sock)) {
		/* Go's servers listen so. The queue is that of the TCP socket inside; who doesn't speak it
		 * becomes plain TCP. */
		struct sock *inner = BPF_CORE_READ((struct mptcp_sock *)sk, first);

		if (inner)
			sk = inner;
		protocol = IPPROTO_TCP;
	}
	if (protocol == IPPROTO_TCP) {
		out->family = NZ_SOCKET_TCP;
		told = read_tcp(out, sk, state);
	} else if (protocol == IPPROTO_UDP) {
		out->family = NZ_SOCKET_UDP;
		told = read_udp(out, sk);
	}
	if (told)
		read_addresses(out, sk, family);
	return told;
}

#endif
