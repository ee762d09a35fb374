/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The few kernel types that we read, written by hand. Members are found by name at load time (CO-RE), so
 * their order and what stands between them does not matter, and neither does the architecture. Where a kernel
 * spells something differently, compat.h knows.
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
typedef int pid_t;
typedef unsigned int uid_t;

enum {
	false = 0,
	true = 1,
};

enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};

enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
};

enum {
	BPF_F_NO_PREALLOC = 1,
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1,
};

/* include/linux/sched.h: a thread on its way out; one that the kernel made for itself. */
#define PF_EXITING 0x00000004
#define PF_KTHREAD 0x00200000
/* include/linux/sched/signal.h: all of the group are stopped; all of the group share group_exit_code. */
#define SIGNAL_STOP_STOPPED 0x00000001
#define SIGNAL_GROUP_EXIT 0x00000004
/* include/linux/signal_types.h: not pointers, but "from user space" and "from the kernel". */
#define SEND_SIG_NOINFO 0UL
#define SEND_SIG_PRIV 1UL

/* Numbers of helpers that not all kernels have; asked for by name. */
enum bpf_func_id {
	BPF_FUNC_snprintf = 165,
	BPF_FUNC_task_pt_regs = 175,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
	struct list_head *next;
};

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	uid_t val;
} kuid_t;

typedef struct {
	uid_t val;
} kgid_t;

struct qstr {
	const unsigned char *name;
};

struct file_system_type {
	const char *name;
};

struct backing_dev_info {
	void *dev;
};

struct super_block {
	u32 s_dev;
	struct file_system_type *s_type;
	struct dentry *s_root;
	struct backing_dev_info *s_bdi;
	char s_id[32];
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct super_block *d_sb;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct inode {
	unsigned short i_mode;
	unsigned long i_ino;
	u32 i_rdev;
	struct super_block *i_sb;
};

struct address_space {
	struct inode *host;
};

struct page {
	struct address_space *mapping;
};

struct block_device {
	u32 bd_dev;
	struct inode *bd_inode; /* until 6.9 */
	struct address_space *bd_mapping;
};

struct buffer_head {
	struct block_device *b_bdev;
};

struct file {
	struct path f_path;
	const void *f_op;
	void *private_data;
	struct inode *f_inode;
};

struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
};

struct linux_binprm {
	struct file *file;
};

struct kernfs_node {
	u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
};

enum cgroup_subsys_id {
	pids_cgrp_id,
	memory_cgrp_id,
};

struct css_set {
	struct cgroup_subsys_state *subsys[16];
	struct cgroup *dfl_cgrp;
};

struct cred {
	kuid_t uid;
	kuid_t euid;
	kgid_t egid;
};

struct sigaction {
	void *sa_handler;
};

struct k_sigaction {
	struct sigaction sa;
};

struct sighand_struct {
	struct k_sigaction action[64];
};

struct signal_struct {
	atomic_t live;
	int nr_threads;
	struct list_head thread_head;
	int group_exit_code;
	unsigned int flags;
};

struct pt_regs;
struct bpf_local_storage;

struct ns_common {
	unsigned int inum;
};

struct xa_node {
	unsigned char shift;
	void *slots[64];
};

struct xarray {
	void *xa_head;
};

struct idr {
	struct xarray idr_rt;
};

struct pid_namespace {
	struct ns_common ns;
	struct idr idr;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct pid {
	unsigned int level;
	struct hlist_head tasks[1]; /* by its number as a thread; others follow */
	struct upid numbers[1];
};

struct thread_info {
	u32 status;
};

struct rq;

struct cfs_rq {
	struct rq *rq;
};

struct rq {
	struct cfs_rq cfs;
	u64 clock;
	u64 clock_task;
};

struct sched_entity {
	u64 exec_start;
	u64 sum_exec_runtime;
	struct cfs_rq *cfs_rq;
};

struct sched_info {
	unsigned long long last_arrival;
};

struct task_struct {
	struct thread_info thread_info;
	unsigned int __state;
	void *stack;
	unsigned int ptrace;
	struct sched_entity se;
	struct sched_info sched_info;
	unsigned long jobctl;
	struct task_struct *parent;
	struct pid *thread_pid;
	struct hlist_node pid_links[1]; /* likewise */
	u64 utime;
	u64 stime;
	unsigned long nvcsw;
	unsigned long nivcsw;
	u64 start_time;
	unsigned int flags;
	unsigned int on_cpu; /* u8 in 7.2; libbpf adjusts the size of a load only if it is unsigned */
	struct list_head thread_node;
	struct bpf_local_storage *bpf_storage;
	int exit_state;
	int exit_code;
	unsigned int in_execve : 1;
	pid_t pid;
	pid_t tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	u64 start_boottime;
	const struct cred *cred;
	char comm[16];
	struct signal_struct *signal;
	struct sighand_struct *sighand;
	struct css_set *cgroups;
	struct mm_struct *mm;
};

struct sock;

struct sk_buff {
	struct sk_buff *next;
	struct sock *sk;
	char cb[48];
	unsigned int len;
	unsigned int data_len;
	u16 transport_header;
	unsigned char *head;
	unsigned char *data;
};

struct sk_buff_head {
	struct sk_buff *next;
	u32 qlen;
};

struct in6_addr {
	u8 bytes[16];
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	unsigned long skc_flags;
};

struct socket {
	struct file *file;
	struct sock *sk;
};

struct sock {
	struct sock_common __sk_common;
	struct sk_buff_head sk_receive_queue;
	u8 sk_userlocks : 4; /* a whole byte in later ones */
	struct socket *sk_socket;
	u16 sk_protocol;
	u16 sk_type;
	u8 sk_shutdown;
	u32 sk_ack_backlog;
	u32 sk_max_ack_backlog;
};

struct request_sock {
	struct sock_common __req_common;
};

struct request_sock_queue {
	struct request_sock *rskq_accept_head;
};

struct inet_connection_sock {
	struct request_sock_queue icsk_accept_queue;
};

struct tcp_sock {
	u32 copied_seq;
	u32 rcv_nxt;
};

struct mptcp_sock {
	struct sock *first;
};

struct udp_sock {
	struct sk_buff_head reader_queue;
};

struct sockaddr_un {
	unsigned short sun_family;
	char sun_path[108];
};

struct unix_address {
	int len;
	struct sockaddr_un name[0];
};

struct unix_sock {
	struct unix_address *addr;
	struct sock *peer;
};

struct scm_fp_list;

struct unix_skb_parms {
	struct scm_fp_list *fp;
	u32 consumed;
};

struct kernel_siginfo {
	int si_signo;
	int si_errno;
	int si_code;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	u64 session_id;
	u64 seq_num;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
};

#pragma clang attribute pop

#endif
