// Fork, exec, rename, owner, cgroup: a process is matched by what it is now.
#include "live/lab.hpp"

#include <fstream>

#include <sys/stat.h>

using namespace nezuban;
using namespace nezuban::test;

TEST_CASE("a process that was there before the watch began is counted, and one that comes later too") {
    NEEDS_BPF();
    auto before = start_program("nzidle", {"--name", "nzlive-a"});

    Lab lab({rule_of("a", {.comm = "nzlive-a"})});
    CHECK(lab.pids() == std::vector{static_cast<std::uint32_t>(before.pid())});

    auto later = start_program("nzidle", {"--name", "nzlive-a"});
    lab.await_counted(later.pid());
    CHECK(lab.pids().size() == 2);
}

TEST_CASE("a program that lives a millisecond is known by name, path and arguments") {
    NEEDS_BPF();
    NEEDS_PROGRAMS("what somebody was who is gone by now");
    Lab lab({});
    Child child({program("nztrue"), "--queue", "inbound"});
    const auto pid = static_cast<std::uint32_t>(child.pid());
    child.wait();

    const auto exec = lab.await<Execed>([&](const Execed& event) { return event.process.id.pid == pid; });

    CHECK(exec.process.comm == "nztrue");
    REQUIRE(exec.process.exe);
    CHECK(*exec.process.exe == program("nztrue"));
    REQUIRE(exec.process.args);
    CHECK(*exec.process.args == program("nztrue") + std::string("\0--queue\0inbound\0", 17));
    CHECK_FALSE(exec.args_cut);
}

TEST_CASE("a command line of more than 4 KiB is cut, and said to be") {
    NEEDS_BPF();
    NEEDS_PROGRAMS("what somebody was who is gone by now");
    Lab lab({});
    Child child({program("nztrue"), std::string(6000, 'x')});
    const auto pid = static_cast<std::uint32_t>(child.pid());
    child.wait();

    const auto exec = lab.await<Execed>([&](const Execed& event) { return event.process.id.pid == pid; });

    REQUIRE(exec.process.args);
    CHECK(exec.process.args->size() == 4096);
    CHECK(exec.args_cut);
}

TEST_CASE("a fork inherits what its parent is, and an exec makes it somebody else") {
    NEEDS_BPF();
    auto parent = start_program("nzidle", {"--name", "nzlive-p"});
    Lab lab({rule_of("p", {.comm = "nzlive-p"}), rule_of("by-args", {.args = {"nzlive-p"}})});

    const auto child = number_in(parent.ask("fork nzlive-p"), "pid");
    lab.await_counted(child, 0);
    CHECK(lab.counts(child, 1));

    auto other = start_program("nzidle", {"--name", "nzlive-p"});
    lab.await_counted(other.pid());
    other.ask("exec " + program("nzidle") + " --name nzlive-q");
    lab.pump_until([&] { return !lab.counts(other.pid(), 0) && !lab.counts(other.pid(), 1); });
}

TEST_CASE("a rename is followed at once, in both directions") {
    NEEDS_BPF();
    auto child = start_program("nzidle", {"--name", "nzlive-r1"});
    Lab lab({rule_of("r1", {.comm = "nzlive-r1"}), rule_of("r2", {.comm = "nzlive-r2"})});
    REQUIRE(lab.counts(child.pid(), 0));

    child.ask("rename nzlive-r2");
    lab.await_counted(child.pid(), 1);
    CHECK_FALSE(lab.counts(child.pid(), 0));

    child.ask("rename nzlive-r1");
    lab.await_counted(child.pid(), 0);
    CHECK_FALSE(lab.counts(child.pid(), 1));
}

TEST_CASE("an exec tells no rename of its own on the way") {
    NEEDS_BPF();
    NEEDS_PROGRAMS("what somebody was who is gone by now");
    Lab lab({});
    Child child({program("nztrue")});
    const auto pid = static_cast<std::uint32_t>(child.pid());
    child.wait();
    lab.await_exit(pid);
    for (const auto& event : lab.events()) {
        const auto* change = std::get_if<Changed>(&event);
        CHECK((change == nullptr || change->process.id.pid != pid));
    }
}

TEST_CASE("a change of user is seen by the next comparison, and by an exec at once") {
    NEEDS_BPF();
    const Principal nobody{.text = "nobody", .id = 65534};
    auto child = start_program("nzidle", {"--name", "nzlive-u"});
    Lab lab({rule_of("nobodys", {.comm = "nzlive-u", .user = nobody}),
             rule_of("groups", {.comm = "nzlive-u", .group = nobody})});
    CHECK_FALSE(lab.counts(child.pid(), 0));

    child.ask("setgid 65534");
    child.ask("setuid 65534");
    lab.compare();

    CHECK(lab.counts(child.pid(), 0));
    CHECK(lab.counts(child.pid(), 1));
}

TEST_CASE("a changed process title is seen by the next comparison") {
    NEEDS_BPF();
    auto child = start_program("nzidle", {"--name", "nzlive-t", "--padding-for-a-longer-title"});
    Lab lab({rule_of("worker", {.comm = "nzlive-t", .args_regex = "worker process"})});
    CHECK_FALSE(lab.counts(child.pid()));

    child.ask("title nzidle: worker process");
    lab.compare();

    CHECK(lab.counts(child.pid()));
}

TEST_CASE("a process is found by its path, through a glob") {
    NEEDS_BPF();
    const auto folder = build_dir().string();
    Lab lab({rule_of("glob", {.comm = "nzlive-g", .exe = folder + "/prog*/nzidle"})});
    auto child = start_program("nzidle", {"--name", "nzlive-g"});
    lab.await_counted(child.pid());
}

TEST_CASE(
    "a move to another cgroup is followed: at once, or by the next comparison where the kernel does not tell it") {
    NEEDS_BPF();
    const std::string folder = "/sys/fs/cgroup/unified";
    const std::string root = access((folder + "/cgroup.procs").c_str(), W_OK) == 0 ? folder : "/sys/fs/cgroup";
    const std::string group = "nzlive-" + std::to_string(getpid());
    if (mkdir((root + "/" + group).c_str(), 0755) != 0) SKIP("no cgroup v2 may be made in " + root);
    {
        auto child = start_program("nzidle", {"--name", "nzlive-c"});
        Lab lab({rule_of("there", {.comm = "nzlive-c", .cgroup = "/" + group}),
                 rule_of("unit", {.comm = "nzlive-c", .unit = group})});
        CHECK_FALSE(lab.counts(child.pid(), 0));
        const auto move_to = [&](const std::string& where) {
            std::ofstream(where + "/cgroup.procs") << child.pid();
            if (!test::features().cgroup_moves) lab.compare();
        };

        move_to(root + "/" + group);
        lab.await_counted(child.pid(), 0);
        CHECK(lab.counts(child.pid(), 1));

        move_to(root);
        lab.pump_until([&] { return !lab.counts(child.pid(), 0); });
    }
    rmdir((root + "/" + group).c_str());
}

TEST_CASE("kernel threads are matched only by rules that ask for them") {
    NEEDS_BPF();
    Lab lab({rule_of("kernel", {.comm = "kthreadd", .kernel_thread = true}), rule_of("user", {.comm = "kthreadd"}),
             rule_of("any", {.any = true})});
    CHECK(lab.pids(0) == std::vector{2U});
    CHECK(lab.pids(1).empty());
    CHECK_FALSE(lab.counts(2, 2));
    CHECK(lab.counts(getpid(), 2));
}

TEST_CASE("a vforked child belongs to no rule until it execs") {
    NEEDS_BPF();
    NEEDS_EVENTS();
    Lab lab({rule_of("me", {.comm = "test_live"})});
    const auto mine = lab.pids().size();

    Child child({"/bin/sh", "-c", "exec 3<&0; exec " + program("nztrue")});
    const auto exit = lab.await_exit(child.pid());

    CHECK(exit.cause.exit_code == 0);
    CHECK(lab.pids().size() == mine);
}
