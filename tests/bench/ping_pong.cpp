// What stall tracking takes off the throughput of two processes that do nothing but switch: runs in pairs, with and
// without, one right after the other and each first in turn; and of pairs without either, to know what a difference
// between two runs is worth.
#include "ping_pong.hpp"

#include <algorithm>
#include <cmath>

using namespace nezuban;

namespace {

constexpr int pairs = 61;
constexpr std::chrono::milliseconds span{100};

enum class Way { none, nothing_watched, all_watched };

double run_with(bench::PingPong& load, Stalls& stalls, Way way) {
    load.forget_all_in(stalls); // then nothing is attached
    if (way == Way::nothing_watched) load.watch_bystander_in(stalls);
    if (way == Way::all_watched) load.watch_both_in(stalls);
    load.run(std::chrono::milliseconds(20)); // warm again
    return load.run(span);
}

// By how much less is handed over with it, in per cent of without it, pair by pair.
bench::Series measure(bench::PingPong& load, Stalls& stalls, Way way, const std::string& name,
                      bench::Series& throughput) {
    bench::Series less(name, "%");
    for (int pair = 0; pair < pairs; ++pair) {
        const bool first = pair % 2 == 0;
        double with = first ? run_with(load, stalls, way) : 0;
        const double without = run_with(load, stalls, Way::none);
        if (!first) with = run_with(load, stalls, way);
        throughput.add(without);
        less.add(100 * (1 - with / without));
    }
    return less;
}

void run() {
    bench::PingPong load;
    auto stalls = bench::must(Stalls::attach());
    bench::Series throughput("there and back without anything", "/s");
    const auto spread = measure(load, stalls, Way::none, "without against without", throughput);
    const auto nothing = measure(load, stalls, Way::nothing_watched, "nobody watched against without", throughput);
    const auto all = measure(load, stalls, Way::all_watched, "both watched against without", throughput);
    bench::print_title("throughput of a ping-pong on one processor: less by");
    bench::print(throughput);
    for (const auto* series : {&spread, &nothing, &all})
        bench::print(*series);
    const double noise = std::max(std::abs(spread.quantile(0.1)), std::abs(spread.quantile(0.9)));
    const std::string against = fmt::format("; without against without {}", bench::spread_of(spread));
    bench::print_row("ping-pong: throughput lost, nobody watched", fmt::format("{:.2g} %", nothing.median()),
                     bench::spread_of(nothing) + against, fmt::format("≤ 2 %, or within ±{:.2g} %", noise),
                     nothing.median() <= std::max(2.0, noise));
    bench::print_row("ping-pong: throughput lost, both watched", fmt::format("{:.2g} %", all.median()),
                     bench::spread_of(all) + against, "≤ 5 %", all.median() <= 5);
}

} // namespace

int main() {
    return bench::run_bench(run);
}
