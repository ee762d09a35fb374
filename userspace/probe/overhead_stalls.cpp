#include "probe/libbpf.hpp"
#include "probe/overhead.hpp"
#include "probe/snapshot.hpp"
#include "probe/stalls.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <utility>

#include <bpf/bpf.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <baseline.skel.h>

namespace nezuban {

namespace {

constexpr int rounds_at_a_time = 64; // between two looks at the clock
constexpr Duration any_threshold = std::chrono::seconds(1);

struct FreeBaseline {
    void operator()(baseline_bpf* object) const {
        baseline_bpf__destroy(object);
    }
};
using Baseline = std::unique_ptr<baseline_bpf, FreeBaseline>;

class Descriptor {
public:
    explicit Descriptor(int number = -1) : number_(number) {}
    ~Descriptor() {
        if (number_ >= 0) close(number_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    Descriptor(Descriptor&&) = delete;
    Descriptor& operator=(Descriptor&&) = delete;
    [[nodiscard]] int get() const {
        return number_;
    }

private:
    int number_;
};

// Where we are, and whoever we fork; it is as it was when this ends.
class OnOneProcessor {
public:
    OnOneProcessor() : known_(sched_getaffinity(0, sizeof before_, &before_) == 0) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<std::size_t>(std::max(sched_getcpu(), 0)), &one);
        if (known_) sched_setaffinity(0, sizeof one, &one);
    }
    ~OnOneProcessor() {
        if (known_) sched_setaffinity(0, sizeof before_, &before_);
    }
    OnOneProcessor(const OnOneProcessor&) = delete;
    OnOneProcessor& operator=(const OnOneProcessor&) = delete;
    OnOneProcessor(OnOneProcessor&&) = delete;
    OnOneProcessor& operator=(OnOneProcessor&&) = delete;

private:
    cpu_set_t before_{};
    bool known_;
};

// A child that gives back each byte, and sleeps in between. Dies with us.
class Echo {
public:
    static Result<std::unique_ptr<Echo>> start() {
        std::array<int, 2> there{};
        std::array<int, 2> back{};
        if (pipe2(there.data(), O_CLOEXEC) != 0) return fail(std::string("pipe: ") + std::strerror(errno), errno);
        if (pipe2(back.data(), O_CLOEXEC) != 0) {
            const int error = errno;
            close(there[0]);
            close(there[1]);
            return fail(std::string("pipe: ") + std::strerror(error), error);
        }
        const Descriptor from(there[0]);
        const Descriptor to(back[1]);
        std::unique_ptr<Echo> echo(new Echo(there[1], back[0]));
        const pid_t parent = getpid();
        echo->pid_ = fork();
        if (echo->pid_ < 0) return fail(std::string("fork: ") + std::strerror(errno), errno);
        if (echo->pid_ == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            char byte = 0;
            while (getppid() == parent && read(from.get(), &byte, 1) == 1 && write(to.get(), &byte, 1) == 1) {
            }
            _exit(0);
        }
        return echo;
    }
    ~Echo() {
        if (pid_ <= 0) return;
        kill(pid_, SIGKILL); // ours still: it was not reaped
        waitpid(pid_, nullptr, 0);
    }
    Echo(const Echo&) = delete;
    Echo& operator=(const Echo&) = delete;
    Echo(Echo&&) = delete;
    Echo& operator=(Echo&&) = delete;

    [[nodiscard]] pid_t pid() const {
        return pid_;
    }
    [[nodiscard]] bool there_and_back() const {
        char byte = 'p';
        return write(to_.get(), &byte, 1) == 1 && read(from_.get(), &byte, 1) == 1;
    }

private:
    Echo(int to, int from) : to_(to), from_(from) {}
    Descriptor to_;
    Descriptor from_;
    pid_t pid_ = -1;
};

Result<Identity> identity_of(pid_t pid) {
    auto snapshot = Snapshot::load();
    if (!snapshot) return std::unexpected(snapshot.error());
    if (auto begun = snapshot->begin(); !begun) return std::unexpected(begun.error());
    Identity found;
    for (bool more = true; more;) {
        auto read = snapshot->read_slice([&](const SnapshotTask& task) {
            if (task.process.id.pid == static_cast<std::uint32_t>(pid)) found = task.process.id;
        });
        if (!read) return std::unexpected(read.error());
        more = *read;
    }
    if (found.pid == 0) return fail("a process of ours is not in the kernel's list", ESRCH);
    return found;
}

ProgramCost cost_in(const std::vector<ProgramCost>& costs, const std::string& name) {
    const auto found = std::ranges::find(costs, name, &ProgramCost::name);
    return found == costs.end() ? ProgramCost{.name = name} : *found;
}

// Since then; 0 of what did not run.
double per_run(const ProgramCost& before, const ProgramCost& now) {
    const auto runs = now.runs - before.runs;
    return runs == 0 ? 0 : static_cast<double>(now.nanoseconds - before.nanoseconds) / static_cast<double>(runs);
}

class Bench {
public:
    Bench(Stalls stalls, Baseline baseline, std::unique_ptr<Echo> partner,
          const std::function<std::function<bool()>()>& begin_span)
        : stalls_(std::move(stalls)), baseline_(std::move(baseline)), partner_(std::move(partner)),
          begin_span_(begin_span) {}

    Overhead measure(const std::string& program, const std::string& empty, std::string when) {
        const auto go_on = begin_span_();
        const auto first = cost_in(stalls_.costs(), program);
        const auto first_empty = cost_in(costs_of(baseline_->obj), empty);
        while (go_on()) {
            for (int round = 0; round < rounds_at_a_time; ++round) {
                if (!partner_->there_and_back()) break;
            }
        }
        const auto last = cost_in(stalls_.costs(), program);
        const double gross = per_run(first, last);
        return {.program = program,
                .hook = last.hook,
                .when = std::move(when),
                .runs = last.runs - first.runs,
                .gross_ns = gross,
                .net_ns = std::max(0.0, gross - per_run(first_empty, cost_in(costs_of(baseline_->obj), empty)))};
    }
    Stalls& stalls() {
        return stalls_;
    }

private:
    Stalls stalls_;
    Baseline baseline_;
    std::unique_ptr<Echo> partner_;
    const std::function<std::function<bool()>()>& begin_span_;
};

Result<Baseline> attach_baseline() {
    const LibbpfLog log;
    Baseline baseline(baseline_bpf__open());
    if (!baseline) return log.error("opening the empty programs", errno);
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, baseline->obj) {
        bpf_program__set_autoload(program, false);
    }
    bpf_program__set_autoload(baseline->progs.empty_switch, true);
    bpf_program__set_autoload(baseline->progs.empty_syscall, true);
    if (const int error = baseline_bpf__load(baseline.get()); error != 0)
        return log.error("loading the empty programs", -error);
    if (const int error = baseline_bpf__attach(baseline.get()); error != 0)
        return log.error("attaching the empty programs", -error);
    return baseline;
}

} // namespace

Result<StallOverhead> measure_stall_overhead(const Features& features,
                                             const std::function<std::function<bool()>()>& begin_span) {
    auto stalls = Stalls::attach(features);
    if (!stalls) return std::unexpected(stalls.error());
    auto baseline = attach_baseline();
    if (!baseline) return std::unexpected(baseline.error());
    const OnOneProcessor together;
    auto partner = Echo::start();
    if (!partner) return std::unexpected(partner.error());
    auto bystander = Echo::start(); // nobody hands it anything
    if (!bystander) return std::unexpected(bystander.error());
    std::array<Identity, 3> processes;
    for (std::size_t at = 0; const auto pid : {(*bystander)->pid(), (*partner)->pid(), getpid()}) {
        auto known = identity_of(pid);
        if (!known) return std::unexpected(known.error());
        processes.at(at++) = *known;
    }
    const auto& [idle, other, self] = processes;
    const Descriptor statistics(bpf_enable_stats(BPF_STATS_RUN_TIME));
    if (statistics.get() < 0) return fail("switching on the BPF statistics", errno);

    StallOverhead report{.map_bytes = stalls->map_bytes()};
    Bench bench(std::move(*stalls), std::move(*baseline), std::move(*partner), begin_span);
    // Attached because of the one who does nothing, met by those who switch.
    if (auto watched = bench.stalls().watch(idle, any_threshold); !watched) return std::unexpected(watched.error());
    report.programs.push_back(bench.measure("handle_switch", "empty_switch", "another is watched"));
    for (const auto& process : {self, other}) {
        if (auto watched = bench.stalls().watch(process, any_threshold); !watched)
            return std::unexpected(watched.error());
    }
    report.programs.push_back(bench.measure("handle_switch", "empty_switch", "both are watched"));
    for (const auto& process : {self, other, idle}) {
        if (auto forgotten = bench.stalls().forget(process); !forgotten) return std::unexpected(forgotten.error());
    }
    const ThreadId thread{.tid = idle.pid, .start_ns = idle.start_ns};
    if (bench.stalls().count_syscalls(idle, thread))
        report.programs.push_back(bench.measure("handle_syscall", "empty_syscall", "another is counted"));
    return report;
}

} // namespace nezuban
