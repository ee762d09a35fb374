// The records that cross the border have one layout on both sides: what clang gave the BPF object, and what our
// compiler gave us.
#include <cstddef>
#include <map>
#include <string>

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <doctest/doctest.h>
#include <nezuban/device.h>
#include <nezuban/events.h>
#include <nezuban/stalls.h>
#include <nezuban/waits.h>

#include <device.skel.h>
#include <lifecycle.skel.h>
#include <lifecycle_raw.skel.h>
#include <snapshot.skel.h>
#include <sockets.skel.h>
#include <waits.skel.h>

namespace {

struct Layout {
    std::size_t size = 0;
    std::map<std::string, std::size_t> offsets; // bytes
};

Layout layout_of(const bpf_object* object, const char* name) {
    Layout layout;
    const btf* types = bpf_object__btf(object);
    const int id = btf__find_by_name_kind(types, name, BTF_KIND_STRUCT);
    REQUIRE_MESSAGE(id > 0, name);
    const auto* type = btf__type_by_id(types, static_cast<__u32>(id));
    layout.size = type->size;
    for (__u32 i = 0; i < btf_vlen(type); ++i) {
        layout.offsets[btf__name_by_offset(types, btf_members(type)[i].name_off)] = btf_member_bit_offset(type, i) / 8;
    }
    return layout;
}

#define FIELD(record, name) {#name, offsetof(record, name)}

void check(const bpf_object* object, const char* name, const Layout& ours) {
    const auto theirs = layout_of(object, name);
    INFO(std::string(name));
    CHECK(theirs.size == ours.size);
    CHECK(theirs.offsets == ours.offsets);
}

} // namespace

TEST_CASE_TEMPLATE("the life-cycle records have the same layout in the kernel and here", Programs, lifecycle_bpf,
                   lifecycle_raw_bpf) {
    auto* skeleton = Programs::open();
    REQUIRE(skeleton != nullptr);
    const auto* object = skeleton->obj;

    check(object, "nz_task",
          {sizeof(nz_task),
           {FIELD(nz_task, start_ns), FIELD(nz_task, cgroup_key), FIELD(nz_task, pid), FIELD(nz_task, ppid),
            FIELD(nz_task, uid), FIELD(nz_task, gid), FIELD(nz_task, flags), FIELD(nz_task, reserved),
            FIELD(nz_task, comm)}});
    check(object, "nz_head", {sizeof(nz_head), {FIELD(nz_head, kind), FIELD(nz_head, size), FIELD(nz_head, time_ns)}});
    check(object, "nz_fork",
          {sizeof(nz_fork),
           {FIELD(nz_fork, head), FIELD(nz_fork, child), FIELD(nz_fork, parent_start_ns), FIELD(nz_fork, parent_pid),
            FIELD(nz_fork, flags)}});
    check(object, "nz_exec",
          {sizeof(nz_exec),
           {FIELD(nz_exec, head), FIELD(nz_exec, task), FIELD(nz_exec, flags), FIELD(nz_exec, path_size),
            FIELD(nz_exec, args_size), FIELD(nz_exec, reserved)}});
    check(object, "nz_exit",
          {sizeof(nz_exit),
           {FIELD(nz_exit, head), FIELD(nz_exit, start_ns), FIELD(nz_exit, sent_ns), FIELD(nz_exit, pid),
            FIELD(nz_exit, status), FIELD(nz_exit, flags), FIELD(nz_exit, sender_pid), FIELD(nz_exit, sender_uid),
            FIELD(nz_exit, sender_signal), FIELD(nz_exit, sender_comm)}});
    check(object, "nz_change", {sizeof(nz_change), {FIELD(nz_change, head), FIELD(nz_change, task)}});
    check(object, "nz_counters",
          {sizeof(nz_counters), {FIELD(nz_counters, sent), FIELD(nz_counters, lost), FIELD(nz_counters, held)}});
    Programs::destroy(skeleton);
}

TEST_CASE("the snapshot's records have the same layout in the kernel and here") {
    auto* skeleton = snapshot_bpf__open();
    REQUIRE(skeleton != nullptr);
    CHECK(layout_of(skeleton->obj, "nz_task").size == sizeof(nz_task));
    snapshot_bpf__destroy(skeleton);
}

TEST_CASE("the wait scan's records have the same layout in the kernel and here") {
    auto* threads = waits_bpf__open();
    REQUIRE(threads != nullptr);
    check(threads->obj, "nz_wait",
          {sizeof(nz_wait),
           {FIELD(nz_wait, start_ns),
            FIELD(nz_wait, thread_start_ns),
            FIELD(nz_wait, off_ns),
            FIELD(nz_wait, voluntary),
            FIELD(nz_wait, forced),
            FIELD(nz_wait, cpu_ns),
            FIELD(nz_wait, system_ns),
            FIELD(nz_wait, args),
            FIELD(nz_wait, syscall),
            FIELD(nz_wait, user_address),
            FIELD(nz_wait, tracer_start_ns),
            FIELD(nz_wait, pid),
            FIELD(nz_wait, tid),
            FIELD(nz_wait, tid_in_namespace),
            FIELD(nz_wait, pid_namespace),
            FIELD(nz_wait, state),
            FIELD(nz_wait, exit_state),
            FIELD(nz_wait, why),
            FIELD(nz_wait, flags),
            FIELD(nz_wait, tracer_pid),
            FIELD(nz_wait, stack_size),
            FIELD(nz_wait, comm),
            FIELD(nz_wait, tracer_comm)}});
    check(threads->obj, "nz_wait_wish",
          {sizeof(nz_wait_wish),
           {FIELD(nz_wait_wish, least_ns), FIELD(nz_wait_wish, kinds), FIELD(nz_wait_wish, work),
            FIELD(nz_wait_wish, stacks), FIELD(nz_wait_wish, reserved), FIELD(nz_wait_wish, asked_processes),
            FIELD(nz_wait_wish, asked_threads)}});
    waits_bpf__destroy(threads);

    auto* sockets = sockets_bpf__open();
    REQUIRE(sockets != nullptr);
    check(sockets->obj, "nz_socket",
          {sizeof(nz_socket),
           {FIELD(nz_socket, start_ns), FIELD(nz_socket, inode), FIELD(nz_socket, mark), FIELD(nz_socket, pid),
            FIELD(nz_socket, fd), FIELD(nz_socket, family), FIELD(nz_socket, flags), FIELD(nz_socket, length),
            FIELD(nz_socket, limit), FIELD(nz_socket, network_namespace), FIELD(nz_socket, local_port),
            FIELD(nz_socket, peer_port), FIELD(nz_socket, local), FIELD(nz_socket, peer), FIELD(nz_socket, path_size),
            FIELD(nz_socket, reserved), FIELD(nz_socket, path), FIELD(nz_socket, reserved2)}});
    sockets_bpf__destroy(sockets);
}

TEST_CASE("the device scan's records have the same layout in the kernel and here") {
    auto* skeleton = device_bpf__open();
    REQUIRE(skeleton != nullptr);
    check(skeleton->obj, "nz_device",
          {sizeof(nz_device),
           {FIELD(nz_device, thread_start_ns), FIELD(nz_device, switches), FIELD(nz_device, tid),
            FIELD(nz_device, device), FIELD(nz_device, words), FIELD(nz_device, reserved), FIELD(nz_device, name),
            FIELD(nz_device, file_system)}});
    check(skeleton->obj, "nz_device_wish", {sizeof(nz_device_wish), {FIELD(nz_device_wish, asked)}});
    device_bpf__destroy(skeleton);
}

TEST_CASE_TEMPLATE("nothing of the life-cycle programs is loaded unless it is asked for", Programs, lifecycle_bpf,
                   lifecycle_raw_bpf) {
    auto* skeleton = Programs::open();
    REQUIRE(skeleton != nullptr);
    bpf_program* program = nullptr;
    int programs = 0;
    bpf_object__for_each_program(program, skeleton->obj) {
        INFO(bpf_program__name(program));
        CHECK_FALSE(bpf_program__autoload(program));
        ++programs;
    }
    CHECK(programs >= 9);
    Programs::destroy(skeleton);
}
