// What stall tracking keeps and tells has one layout on both sides of the border, and nothing of it runs by itself.
#include <cstddef>
#include <map>
#include <string>

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <doctest/doctest.h>
#include <nezuban/stalls.h>

#include <baseline.skel.h>
#include <lifecycle.skel.h>
#include <sched.skel.h>
#include <sched_hash.skel.h>
#include <sched_hash_raw.skel.h>

namespace {

struct Record {
    std::size_t size = 0;
    std::map<std::string, std::size_t> offsets; // bytes
};

Record in_object(const bpf_object* object, const char* name) {
    Record record;
    const btf* types = bpf_object__btf(object);
    const int id = btf__find_by_name_kind(types, name, BTF_KIND_STRUCT);
    REQUIRE_MESSAGE(id > 0, name);
    const auto* type = btf__type_by_id(types, static_cast<__u32>(id));
    record.size = type->size;
    for (__u32 i = 0; i < btf_vlen(type); ++i) {
        record.offsets[btf__name_by_offset(types, btf_members(type)[i].name_off)] = btf_member_bit_offset(type, i) / 8;
    }
    return record;
}

#define FIELD(record, name) {#name, offsetof(record, name)}

void check(const bpf_object* object, const char* name, const Record& ours) {
    const auto theirs = in_object(object, name);
    INFO(std::string(name));
    CHECK(theirs.size == ours.size);
    CHECK(theirs.offsets == ours.offsets);
}

} // namespace

TEST_CASE_TEMPLATE("the records of stalls have the same layout in the kernel and here", Programs, sched_bpf,
                   sched_hash_bpf, sched_hash_raw_bpf) {
    auto* skeleton = Programs::open();
    REQUIRE(skeleton != nullptr);
    const auto* object = skeleton->obj;

    check(object, "nz_stall",
          {sizeof(nz_stall),
           {FIELD(nz_stall, time_ns), FIELD(nz_stall, start_ns), FIELD(nz_stall, off_ns), FIELD(nz_stall, pid),
            FIELD(nz_stall, tid)}});
    check(object, "nz_followed", {sizeof(nz_followed), {FIELD(nz_followed, thread_start_ns)}});
    check(object, "nz_spinner",
          {sizeof(nz_spinner), {FIELD(nz_spinner, thread_start_ns), FIELD(nz_spinner, syscalls)}});
    check(object, "nz_visit",
          {sizeof(nz_visit),
           {FIELD(nz_visit, start_ns), FIELD(nz_visit, threshold_ns), FIELD(nz_visit, thread_start_ns),
            FIELD(nz_visit, pid), FIELD(nz_visit, tid), FIELD(nz_visit, wish), FIELD(nz_visit, error),
            FIELD(nz_visit, threads), FIELD(nz_visit, ended), FIELD(nz_visit, kept), FIELD(nz_visit, on_cpu),
            FIELD(nz_visit, found), FIELD(nz_visit, reserved), FIELD(nz_visit, silent_ns), FIELD(nz_visit, longest_ns),
            FIELD(nz_visit, slots)}});
    Programs::destroy(skeleton);
}

TEST_CASE("who stopped a process has the same layout in the kernel and here") {
    auto* skeleton = lifecycle_bpf__open();
    REQUIRE(skeleton != nullptr);
    check(skeleton->obj, "nz_stopper",
          {sizeof(nz_stopper),
           {FIELD(nz_stopper, start_ns), FIELD(nz_stopper, pid), FIELD(nz_stopper, uid), FIELD(nz_stopper, signal),
            FIELD(nz_stopper, comm), FIELD(nz_stopper, reserved)}});
    lifecycle_bpf__destroy(skeleton);
}

TEST_CASE("what hangs on every context switch or system call for comparison only is not loaded unless asked for") {
    auto* baseline = baseline_bpf__open();
    REQUIRE(baseline != nullptr);
    CHECK_FALSE(bpf_program__autoload(baseline->progs.usual_off_cpu));
    CHECK_FALSE(bpf_program__autoload(baseline->progs.empty_switch));
    CHECK_FALSE(bpf_program__autoload(baseline->progs.empty_syscall));
    baseline_bpf__destroy(baseline);
}

TEST_CASE_TEMPLATE("what stall tracking hangs on every context switch or system call is not loaded unless asked for",
                   Programs, sched_bpf, sched_hash_bpf, sched_hash_raw_bpf) {
    auto* stalls = Programs::open();
    REQUIRE(stalls != nullptr);
    CHECK_FALSE(bpf_program__autoload(stalls->progs.handle_switch));
    CHECK_FALSE(bpf_program__autoload(stalls->progs.handle_syscall));
    Programs::destroy(stalls);
}
