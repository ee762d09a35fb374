// What stall tracking costs a context switch: by the kernel's own statistics, net of an empty program on the same
// tracepoint in the same run, beside the usual way (a hash of thread ids, and the precise clock) to know who was off
// its processor for how long.
#include "ping_pong.hpp"
#include "probe/libbpf.hpp"
#include "probe/lifecycle.hpp"

#include <map>
#include <memory>
#include <optional>

#include <bpf/bpf.h>

#include <baseline.skel.h>

using namespace nezuban;

namespace {

constexpr int rounds = 31;
constexpr std::chrono::milliseconds span{200};

struct FreeBaseline {
    void operator()(baseline_bpf* object) const {
        baseline_bpf__destroy(object);
    }
};
using Baseline = std::unique_ptr<baseline_bpf, FreeBaseline>;

Baseline attach(bool usual) {
    const LibbpfLog log;
    Baseline baseline(baseline_bpf__open());
    if (!baseline) throw std::runtime_error("opening the baseline programs");
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, baseline->obj) {
        bpf_program__set_autoload(program, false);
    }
    bpf_program__set_autoload(baseline->progs.empty_switch, true);
    bpf_program__set_autoload(baseline->progs.usual_off_cpu, usual);
    int error = baseline_bpf__load(baseline.get());
    if (error == 0) error = baseline_bpf__attach(baseline.get());
    if (error != 0) throw std::runtime_error(log.error("the baseline programs", -error).error().text);
    return baseline;
}

using Costs = std::map<std::string, ProgramCost>;

Costs costs_now(const Baseline& baseline, const std::optional<Stalls>& stalls) {
    Costs costs;
    for (auto& cost : costs_of(baseline->obj))
        costs[cost.name] = cost;
    if (!stalls) return costs;
    for (auto& cost : stalls->costs())
        costs[cost.name] = cost;
    return costs;
}

double per_run(const Costs& before, const Costs& after, const std::string& name) {
    const auto runs = after.at(name).runs - before.at(name).runs;
    const auto ns = after.at(name).nanoseconds - before.at(name).nanoseconds;
    return runs == 0 ? 0 : static_cast<double>(ns) / static_cast<double>(runs);
}

enum class Way { nothing_watched, all_watched, usual };

bench::Series measure(bench::PingPong& load, Way way, const std::string& name) {
    const auto baseline = attach(way == Way::usual);
    std::optional<Stalls> stalls;
    if (way != Way::usual) stalls = bench::must(Stalls::attach());
    if (way == Way::nothing_watched) load.watch_bystander_in(*stalls);
    if (way == Way::all_watched) load.watch_both_in(*stalls);
    bench::Series net(name, "ns");
    bench::Series share(name + ": switches that are the load's", "%");
    for (int round = -1; round < rounds; ++round) {
        const auto before = costs_now(baseline, stalls);
        const auto switches = load.switches();
        load.run(span);
        const auto after = costs_now(baseline, stalls);
        const std::string subject = way == Way::usual ? "usual_off_cpu" : "handle_switch";
        if (round < 0) continue;
        net.add(per_run(before, after, subject) - per_run(before, after, "empty_switch"));
        share.add(100 * static_cast<double>(load.switches() - switches)
                  / static_cast<double>(after.at(subject).runs - before.at(subject).runs));
    }
    bench::print(share);
    return net;
}

void run() {
    bench::PingPong load;
    const int statistics = bpf_enable_stats(BPF_STATS_RUN_TIME);
    if (statistics < 0) throw std::runtime_error("switching on the BPF statistics");
    bench::print_title("of all context switches of the machine");
    const auto nothing = measure(load, Way::nothing_watched, "stall tracking, nobody watched");
    const auto all = measure(load, Way::all_watched, "stall tracking, both watched");
    const auto usual = measure(load, Way::usual, "a hash of thread ids, and the clock");
    close(statistics);
    bench::print_title("cost of a context switch, net of an empty program on it");
    for (const auto* series : {&nothing, &all, &usual})
        bench::print(*series);
    bench::print_bar("context switch: nobody of it watched", nothing.median(), "ns", bench::spread_of(nothing), 5);
    bench::print_bar("context switch: both sides of it watched", all.median(), "ns", bench::spread_of(all), 60);
    bench::print_ratio("context switch: both watched, against a hash of thread ids", all, usual, 0.25);
}

} // namespace

int main() {
    return bench::run_bench(run);
}
