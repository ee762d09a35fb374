// Real processes of our own, as /proc shows them.
#include "io/proc_task.hpp"

#include "io/proc_files.hpp"
#include "io/proc_list.hpp"
#include "support/child.hpp"
#include "support/skip.hpp"

#include <algorithm>
#include <csignal>
#include <vector>

#include <doctest/doctest.h>
#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nezuban;

namespace {

std::uint32_t self() {
    return static_cast<std::uint32_t>(::getpid());
}

SnapshotTask told(std::uint32_t pid) {
    const auto task = read_task(pid);
    REQUIRE(task);
    REQUIRE(*task);
    return (*task)->told;
}

std::vector<SnapshotTask> listed() {
    ProcList list;
    std::vector<SnapshotTask> all;
    REQUIRE(list.begin());
    CHECK(list.under_way());
    for (bool more = true; more;)
        more = list.read_slice([&](SnapshotTask task) { all.push_back(std::move(task)); }).value();
    CHECK_FALSE(list.under_way());
    return all;
}

} // namespace

TEST_CASE("our own process is told with its owner, its parent and its name") {
    const auto task = told(self());

    CHECK(task.process.id.pid == self());
    CHECK(task.process.id.start_ns > 0);
    CHECK(task.process.id.start_ns % 10'000'000 == 0);
    CHECK(task.process.ppid == static_cast<std::uint32_t>(::getppid()));
    CHECK(task.process.uid == ::geteuid());
    CHECK(task.process.gid == ::getegid());
    CHECK_FALSE(task.process.kernel_thread);
    CHECK_FALSE(task.dying);
    CHECK_FALSE(task.zombie);
    CHECK_FALSE(task.process.comm.empty());
}

TEST_CASE("who is gone, and who never was, is nobody and no error") {
    const auto task = read_task(0x7fffffff);
    REQUIRE(task);
    CHECK_FALSE(*task);
    CHECK(what_remains({.pid = 0x7fffffff, .start_ns = 1}) == Remains::nothing);
}

TEST_CASE("a zombie is told as one, and nothing remains of it") {
    test::Child child({"/bin/true"});
    siginfo_t ended{};
    REQUIRE(::waitid(P_PID, static_cast<id_t>(child.pid()), &ended, WEXITED | WNOWAIT) == 0);

    const auto task = told(static_cast<std::uint32_t>(child.pid()));

    CHECK(task.zombie);
    CHECK(task.dying);
    CHECK(what_remains(task.process.id) == Remains::nothing);
}

TEST_CASE("of a number that somebody else has by now, nothing remains") {
    auto id = told(self()).process.id;
    CHECK(what_remains(id) == Remains::leader);
    id.start_ns -= 10'000'000;
    CHECK(what_remains(id) == Remains::nothing);
}

TEST_CASE("a child of vfork runs in its parent's memory until it executes something, and isn't listed so long") {
    if (::syscall(SYS_kcmp, ::getpid(), ::getpid(), KCMP_VM, 0UL, 0UL) != 0)
        SKIP("this kernel doesn't compare processes (kcmp)");
    test::Child parent({test::program("nzstuck"), "vfork"});
    REQUIRE(parent.read_line().find("ready") != std::string::npos);
    const auto vforker = static_cast<std::uint32_t>(parent.pid());

    std::vector<std::uint32_t> children;
    auto pids = ProcNumbers::open("/proc").value();
    for (auto pid = pids.next().value(); pid; pid = pids.next().value()) {
        const auto task = read_task(*pid).value();
        if (!task || task->told.process.ppid != vforker) continue;
        children.push_back(*pid);
        CHECK(borrows_memory(*task, vforker));
    }
    REQUIRE(children.size() == 1);
    const auto all = listed();
    CHECK(std::ranges::none_of(all, [&](const SnapshotTask& task) { return task.process.id.pid == children[0]; }));
    CHECK(std::ranges::count_if(all, [&](const SnapshotTask& task) { return task.process.id.pid == vforker; }) == 1);
}

TEST_CASE("the list holds us once, and each process once") {
    auto all = listed();
    CHECK(
        std::ranges::count_if(all, [](const SnapshotTask& task) { return task.process.id == told(self()).process.id; })
        == 1);
    std::ranges::sort(all, {}, [](const SnapshotTask& task) { return task.process.id.pid; });
    CHECK(std::ranges::adjacent_find(all, {}, [](const SnapshotTask& task) { return task.process.id.pid; })
          == all.end());
}

TEST_CASE("a kernel worker's name is cut to what it is called, not to what it does") {
    CHECK(comm_of("kworker/u8:2-events_unbound", true) == "kworker/u8:2");
    CHECK(comm_of("kworker/0:1H+kblockd", true) == "kworker/0:1H");
    CHECK(comm_of("kworker/R-ext4-rsv-conversion", true) == "kworker/R-ext4-");
    CHECK(comm_of("jbd2/sdb1-8", true) == "jbd2/sdb1-8");
    CHECK(comm_of("kworker/u8:2-e", false) == "kworker/u8:2-e");
}
