#include "probe/kernel_types.hpp"

#include "support/skip.hpp"

#include <doctest/doctest.h>

using namespace nezuban;

TEST_CASE("the running kernel says what it has, and what it has not") {
    const KernelTypes kernel;
    if (!kernel) SKIP("no /sys/kernel/btf/vmlinux");

    // What every kernel since 5.10 has
    CHECK(kernel.has_tracepoint("sched_switch"));
    CHECK(kernel.arguments_of("sched_switch") >= 3);
    CHECK(kernel.arguments_of("sched_process_fork") == 2);
    CHECK(kernel.first_argument_is_pointer("sched_process_fork"));
    CHECK_FALSE(kernel.first_argument_is_pointer("sched_switch")); // bool preempt
    CHECK(kernel.has_struct("task_struct"));
    CHECK(kernel.has_member("task_struct", "group_leader"));
    CHECK(kernel.has_helper("BPF_FUNC_ringbuf_reserve"));

    // and what of an anonymous union inside is found all the same
    CHECK(kernel.has_member("bpf_attr", "prog_type"));

    // and what none will ever have.
    CHECK_FALSE(kernel.has_tracepoint("nezuban"));
    CHECK(kernel.arguments_of("nezuban") == 0);
    CHECK_FALSE(kernel.first_argument_is_pointer("nezuban"));
    CHECK_FALSE(kernel.has_struct("nezuban"));
    CHECK_FALSE(kernel.has_member("task_struct", "nezuban"));
    CHECK_FALSE(kernel.has_member("nezuban", "nezuban"));
    CHECK_FALSE(kernel.has_helper("BPF_FUNC_nezuban"));
}
