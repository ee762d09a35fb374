// What this kernel has, and whether its verifier takes the programs that were chosen for it.
#include "probe/overhead.hpp"
#include "vm/watch.hpp"

#include <cstdio>

using namespace nezuban;
using namespace nezuban::test;

TEST_CASE("features: nothing that is required is missing") {
    NEEDS_BPF();
    const auto features = test::features();
    std::printf("kernel %s\n", features.kernel.c_str());
    for (const auto& feature : features.all) {
        std::printf("  %-36s %s\n", feature.name.c_str(), feature.present ? "yes" : "no");
    }
    CHECK_MESSAGE(require(features).has_value(), features.missing());
}

TEST_CASE("attach: the verifier takes every program, and the iterator") {
    NEEDS_BPF();
    the_watch();
}

TEST_CASE("attach: the programs that fit this kernel are the ones that run") {
    NEEDS_BPF();
    const auto features = test::features();
    auto& watch = the_watch();
    std::map<std::string, std::string> by_hook;
    for (const auto& cost : watch.lifecycle().costs()) {
        std::printf("  %-24s %s\n", cost.hook.c_str(), cost.name.c_str());
        by_hook[cost.hook] = cost.name;
    }

    CHECK(by_hook["sched_process_exit"] == (features.exit_tells_group_dead ? "handle_exit" : "handle_exit_by_count"));
    CHECK(by_hook["mark_victim"] == (features.oom_tells_task ? "handle_oom" : "handle_oom_by_pid"));
    CHECK(by_hook.contains("cgroup_attach_task") == features.cgroup_moves);
    CHECK(by_hook.size() == (features.cgroup_moves ? 7 : 6));
}

TEST_CASE("attach: a ring that is too small counts what it lost") {
    NEEDS_BPF();
    auto small = must(Lifecycle::attach(test::features(), 4096));
    for (int i = 0; i < 100; ++i) {
        const pid_t pid = fork();
        if (pid == 0) _exit(0);
        waitpid(pid, nullptr, 0);
    }
    const auto lost = small.take_losses();

    std::size_t told = 0;
    small.drain(1000, [&](const Stamped&) { ++told; });
    CHECK(told > 0);
    REQUIRE(lost);
    CHECK(lost->by_kind[0] > 0);
    CHECK(lost->by_kind[2] > 0);
    CHECK(lost->total() + told >= 200);
    CHECK_FALSE(small.take_losses());
}

TEST_CASE("overhead: measured by the kernel's statistics, net of the empty programs") {
    NEEDS_BPF();
    int rounds = 0;
    const auto report = must(measure_overhead(test::features(), 1U << 20U, [&] { return ++rounds <= 20; }));

    std::map<std::string, std::uint64_t> runs;
    for (const auto& program : report.programs) {
        runs[program.hook] = program.runs;
    }
    for (const auto* hook : {"sched_process_fork", "sched_process_exec", "sched_process_exit", "task_rename"}) {
        CHECK_MESSAGE(runs[hook] >= 20, hook);
    }
    CHECK(report.map_bytes > 0);
}
