#include "probe/decode.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>
#include <nezuban/events.h>

using namespace nezuban;
using namespace std::string_literals;

namespace {

nz_task scand() {
    nz_task task{.start_ns = 5'000'000'000, .cgroup_key = 77, .pid = 4711, .ppid = 1, .uid = 33, .gid = 34};
    std::strcpy(task.comm, "scand");
    return task;
}

template <typename Record> std::vector<std::byte> bytes_of(Record record, __u32 kind, std::string_view data = {}) {
    record.head = {.kind = kind, .size = static_cast<__u32>(sizeof(record) + data.size()), .time_ns = 42};
    std::vector<std::byte> bytes(sizeof(record) + data.size());
    std::memcpy(bytes.data(), &record, sizeof(record));
    std::ranges::copy(std::as_bytes(std::span(data)), bytes.begin() + sizeof(record));
    return bytes;
}

template <typename Kind> Kind decoded(const std::vector<std::byte>& bytes) {
    auto stamped = decode(bytes);
    REQUIRE(stamped.has_value());
    CHECK(stamped->time == Time(Duration(42)));
    REQUIRE(std::holds_alternative<Kind>(stamped->event));
    return std::get<Kind>(stamped->event);
}

} // namespace

TEST_CASE("a fork tells the child, who forked it, and whether they share their memory") {
    const nz_fork record{.child = scand(), .parent_start_ns = 9, .parent_pid = 8, .flags = NZ_FORK_SHARES_MEMORY};

    const auto fork = decoded<Forked>(bytes_of(record, NZ_FORK));

    CHECK(fork.child.id == Identity{4711, 5'000'000'000});
    CHECK(fork.child.comm == "scand");
    CHECK(fork.child.uid == 33);
    CHECK(fork.child.gid == 34);
    CHECK(fork.child.cgroup_key == 77);
    CHECK(fork.parent == Identity{8, 9});
    CHECK(fork.shares_memory);
}

TEST_CASE("the path of an exec is put together from its leaf up, and its arguments follow") {
    const auto path = "scand\0bin\0mailsec\0opt\0"s;
    const auto args = "scand\0--queue\0inbound\0"s;
    const nz_exec record{
        .task = scand(), .path_size = static_cast<__u32>(path.size()), .args_size = static_cast<__u32>(args.size())};

    const auto exec = decoded<Execed>(bytes_of(record, NZ_EXEC, path + args));

    REQUIRE(exec.process.exe);
    CHECK(*exec.process.exe == "/opt/mailsec/bin/scand");
    REQUIRE(exec.process.args);
    CHECK(*exec.process.args == args);
    CHECK_FALSE(exec.args_cut);
}

TEST_CASE("what the kernel could not read of an exec is unknown, not empty") {
    const nz_exec record{.task = scand(), .flags = NZ_EXEC_PATH_CUT | NZ_EXEC_ARGS_UNREAD | NZ_EXEC_ARGS_CUT};

    const auto exec = decoded<Execed>(bytes_of(record, NZ_EXEC));

    CHECK_FALSE(exec.process.exe);
    CHECK_FALSE(exec.process.args);
    CHECK(exec.args_cut);
}

TEST_CASE("an exec whose sizes do not fit its record is refused") {
    const nz_exec too_long{.task = scand(), .path_size = 10, .args_size = 0};
    CHECK_FALSE(decode(bytes_of(too_long, NZ_EXEC, "short")).has_value());

    const nz_exec overflowing{.task = scand(), .path_size = 2, .args_size = 0xFFFFFFFF};
    CHECK_FALSE(decode(bytes_of(overflowing, NZ_EXEC, "ab")).has_value());
}

TEST_CASE("an exit tells code, signal, core, OOM and sender") {
    nz_exit record{.start_ns = 5, .pid = 4711, .status = 3 << 8};
    CHECK(decoded<Exited>(bytes_of(record, NZ_EXIT)).cause == Cause{.exit_code = 3, .known = true});

    record.status = 0x80 | 11;
    record.flags = NZ_EXIT_CORE;
    CHECK(decoded<Exited>(bytes_of(record, NZ_EXIT)).cause == Cause{.signal = 11, .core = true, .known = true});

    record.status = 9;
    record.flags = NZ_EXIT_OOM | NZ_EXIT_SENDER;
    record.sender_pid = 12;
    record.sender_uid = 1000;
    record.sender_signal = 9;
    std::strcpy(record.sender_comm, "killer");
    CHECK(decoded<Exited>(bytes_of(record, NZ_EXIT)).cause
          == Cause{.signal = 9,
                   .oom = true,
                   .known = true,
                   .sender_pid = 12,
                   .sender_uid = 1000,
                   .sender_signal = 9,
                   .sender_comm = "killer"});
}

TEST_CASE("who dies of a signal fell when that was sent, everybody else when he ended") {
    nz_exit record{.start_ns = 5, .sent_ns = 30, .pid = 4711, .status = 9, .sender_signal = 9};
    CHECK(decoded<Exited>(bytes_of(record, NZ_EXIT)).fell == Time(Duration(30)));
    record.status = 0; // it had a handler, and put its things in order
    CHECK(decoded<Exited>(bytes_of(record, NZ_EXIT)).fell == Time(Duration(42)));
    record.status = 11; // something else was quicker
    CHECK(decoded<Exited>(bytes_of(record, NZ_EXIT)).fell == Time(Duration(42)));
}

TEST_CASE("cut and foreign records are refused") {
    auto bytes = bytes_of(nz_exit{.pid = 1}, NZ_EXIT);
    bytes.resize(sizeof(nz_exit) - 1);
    CHECK_FALSE(decode(bytes).has_value());
    CHECK_FALSE(decode(bytes_of(nz_exit{.pid = 1}, 99)).has_value());
    CHECK_FALSE(decode(std::span<const std::byte>()).has_value());
}

TEST_CASE("a name of sixteen bytes without an end is not read beyond them") {
    auto task = scand();
    std::memset(task.comm, 'x', sizeof(task.comm));
    CHECK(decode(task).comm == std::string(16, 'x'));
}

TEST_CASE("the snapshot tells the living from the dying and the dead") {
    auto task = scand();
    CHECK_FALSE(decode_snapshot(task).dying);
    task.flags = NZ_TASK_DYING;
    CHECK(decode_snapshot(task).dying);
    CHECK_FALSE(decode_snapshot(task).zombie);
    task.flags |= NZ_TASK_ZOMBIE;
    CHECK(decode_snapshot(task).zombie);
    task.flags = NZ_TASK_KERNEL;
    CHECK(decode_snapshot(task).process.kernel_thread);
}
