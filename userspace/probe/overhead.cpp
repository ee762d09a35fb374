#include "probe/overhead.hpp"

#include "probe/libbpf.hpp"
#include "probe/lifecycle.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <utility>

#include <bpf/bpf.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <baseline.skel.h>

namespace nezuban {

namespace {

struct FreeBaseline {
    void operator()(baseline_bpf* object) const {
        baseline_bpf__destroy(object);
    }
};

struct Close {
    int descriptor;
    ~Close() {
        if (descriptor >= 0) close(descriptor);
    }
    explicit Close(int fd) : descriptor(fd) {}
    Close(const Close&) = delete;
    Close& operator=(const Close&) = delete;
    Close(Close&&) = delete;
    Close& operator=(Close&&) = delete;
};

// A fork, an exec, an exit and a rename each round, and the SIGCHLD that an exit sends.
Result<void> make_processes_come_and_go(Lifecycle& lifecycle, const std::function<bool()>& go_on) {
    const std::string program = "/bin/true";
    while (go_on()) {
        std::string name = program;
        char* argv[] = {name.data(), nullptr};
        pid_t child = 0;
        if (const int error = posix_spawn(&child, program.c_str(), nullptr, nullptr, argv, nullptr); error != 0)
            return fail("starting " + program + ": " + std::strerror(error), error);
        waitpid(child, nullptr, 0);
        char comm[16] = {};
        prctl(PR_GET_NAME, comm);
        prctl(PR_SET_NAME, comm);
        lifecycle.drain(1024, [](const Stamped&) {});
    }
    return {};
}

double per_run(const ProgramCost& cost) {
    return cost.runs == 0 ? 0.0 : static_cast<double>(cost.nanoseconds) / static_cast<double>(cost.runs);
}

} // namespace

Result<OverheadReport> measure_overhead(const Features& features, std::uint64_t ring_size,
                                        const std::function<bool()>& go_on) {
    auto lifecycle = Lifecycle::attach(features, ring_size);
    if (!lifecycle) return std::unexpected(lifecycle.error());
    const LibbpfLog log;
    const std::unique_ptr<baseline_bpf, FreeBaseline> baseline(baseline_bpf__open_and_load());
    if (!baseline) return log.error("loading the empty programs", errno);
    if (const int error = baseline_bpf__attach(baseline.get()); error != 0)
        return log.error("attaching the empty programs", -error);
    const Close statistics(bpf_enable_stats(BPF_STATS_RUN_TIME));
    if (statistics.descriptor < 0) return log.error("switching on the BPF statistics", errno);
    if (auto done = make_processes_come_and_go(*lifecycle, go_on); !done) return std::unexpected(done.error());

    std::map<std::string, double> empty;
    for (const auto& cost : costs_of(baseline->obj)) {
        empty[cost.hook] = per_run(cost);
    }
    OverheadReport report{.map_bytes = lifecycle->map_bytes()};
    for (const auto& cost : lifecycle->costs()) {
        const auto known = empty.find(cost.hook);
        // A hook that nothing happened on has no empty run of its own; any of the others is as good.
        const double own = known != empty.end() ? known->second : empty["sched_process_fork"];
        const double gross = per_run(cost);
        report.programs.push_back({.program = cost.name,
                                   .hook = cost.hook,
                                   .runs = cost.runs,
                                   .gross_ns = gross,
                                   .net_ns = std::max(0.0, gross - own)});
    }
    return report;
}

} // namespace nezuban
