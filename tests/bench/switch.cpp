// What stall tracking costs a context switch: by the kernel's own statistics, net of an empty program on the same
// tracepoint in the same run, beside the usual way (a hash of thread ids, and the precise clock) to know who was off
// its processor for how long.
#include "../support/features.hpp"
#include "baseline.hpp"
#include "ping_pong.hpp"
#include "probe/lifecycle.hpp"

#include <map>
#include <optional>

#include <bpf/bpf.h>

using namespace nezuban;

namespace {

constexpr int rounds = 31;
constexpr std::chrono::milliseconds span{100};
constexpr std::chrono::milliseconds warm{20};

using Costs = std::map<std::string, ProgramCost>;

Costs costs_now(const bench::Baseline& baseline, const std::optional<Stalls>& stalls) {
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

enum class Way { another_watched, both_watched, usual };

// Programs and processes made anew in each round: where the kernel puts them decides how well its branches are
// foreseen, which is worth up to 10 ns here, for an empty program as well.
bench::Series measure(Way way, const std::string& name) {
    bench::Series net(name, "ns");
    bench::Series share(name + ", share", "%");
    for (int round = 0; round < rounds; ++round) {
        bench::PingPong load;
        std::set<std::string> programs{"empty_switch"};
        if (way == Way::usual) programs.insert("usual_off_cpu");
        const auto baseline = bench::load_baseline(programs);
        bench::attach(baseline);
        std::optional<Stalls> stalls;
        if (way != Way::usual) stalls = bench::must(Stalls::attach(test::features()));
        if (way == Way::another_watched) load.watch_bystander_in(*stalls);
        if (way == Way::both_watched) load.watch_both_in(*stalls);
        load.run(warm);
        const auto before = costs_now(baseline, stalls);
        const auto switches = load.switches();
        load.run(span);
        const auto after = costs_now(baseline, stalls);
        const std::string subject = way == Way::usual ? "usual_off_cpu" : "handle_switch";
        net.add(per_run(before, after, subject) - per_run(before, after, "empty_switch"));
        share.add(100 * static_cast<double>(load.switches() - switches)
                  / static_cast<double>(after.at(subject).runs - before.at(subject).runs));
    }
    bench::print(share);
    return net;
}

void run() {
    const int statistics = bpf_enable_stats(BPF_STATS_RUN_TIME);
    if (statistics < 0) throw std::runtime_error("switching on the BPF statistics");
    bench::print_title("of all context switches of the machine, those of the ping-pong");
    const auto nothing = measure(Way::another_watched, "stall tracking, another watched");
    const auto all = measure(Way::both_watched, "stall tracking, both watched");
    const auto usual = measure(Way::usual, "a hash of thread ids, and the clock");
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
