// What stall tracking takes off the throughput of two processes that do nothing but switch: runs in pairs, with and
// without, one right after the other and each first in turn; and of pairs without either, to know what a difference
// between two runs is worth. An empty program tells what any program costs there, before it does anything.
#include "ping_pong.hpp"

#include "../support/features.hpp"
#include "baseline.hpp"

#include <cmath>
#include <memory>
#include <optional>

using namespace nezuban;

namespace {

constexpr int pairs = 40;
constexpr int pairs_of_one = 4;
constexpr std::chrono::milliseconds span{100};

enum class Way { none, daemon, empty, another_watched, both_watched };

class Comparison {
public:
    // By how much less is handed over in one way, in per cent of the other, pair by pair.
    bench::Series less(Way subject, Way against, const std::string& name) {
        bench::Series less(name, "%");
        for (int pair = 0; pair < pairs; ++pair) {
            const bool first = pair % 2 == 0;
            if (pair % pairs_of_one == 0) {
                // A watched one that is only replaced would keep the program attached, in the runs without as well.
                if (load_) load_->forget_all_in(stalls_);
                load_.emplace();
            }
            double with = first ? run_with(subject) : 0;
            const double without = run_with(against);
            if (!first) with = run_with(subject);
            less.add(100 * (1 - with / without));
        }
        return less;
    }
    bench::Series throughput{"there and back, nobody watched at all", "/s"};

private:
    double run_with(Way way) {
        load_->forget_all_in(stalls_); // then nothing is attached
        baseline_bpf__detach(baseline_.get());
        daemon_.reset();
        if (way == Way::daemon) start_daemon();
        if (way == Way::empty) bench::attach(baseline_);
        if (way == Way::another_watched) load_->watch_bystander_in(stalls_);
        if (way == Way::both_watched) load_->watch_both_in(stalls_);
        load_->run(std::chrono::milliseconds(20)); // warm again
        const double handed_over = load_->run(span);
        if (way == Way::none) throughput.add(handed_over);
        return handed_over;
    }

    void start_daemon() {
        daemon_ = std::make_unique<test::Daemon>(bench::runaway_rule());
        daemon_->start();
        bench::rest(std::chrono::milliseconds(200)); // the start is over
    }

    std::optional<bench::PingPong> load_; // now and then others: where their memory lies makes a difference as well
    Stalls stalls_ = bench::must(Stalls::attach(test::features()));
    bench::Baseline baseline_ = bench::load_baseline({"empty_switch"});
    std::unique_ptr<test::Daemon> daemon_;
};

void print_bar(const std::string& what, const bench::Series& less, const bench::Series& spread, double at_most,
               bool strictly = false) {
    const double noise = std::max(std::abs(spread.quantile(0.1)), std::abs(spread.quantile(0.9)));
    bench::print_row("ping-pong, less handed over: " + what, fmt::format("{:.2g} %", less.median()),
                     bench::spread_of(less),
                     strictly ? fmt::format("≤ {} %", at_most)
                              : fmt::format("≤ {} %, or within ±{:.2g} % (none against none)", at_most, noise),
                     less.median() <= (strictly ? at_most : std::max(at_most, noise)));
}

void run() {
    Comparison comparison;
    const auto spread = comparison.less(Way::none, Way::none, "nobody watched at all (twice)");
    const auto daemon = comparison.less(Way::daemon, Way::none, "the daemon, with its default rule");
    const auto empty = comparison.less(Way::empty, Way::none, "an empty program");
    const auto another = comparison.less(Way::another_watched, Way::none, "another process watched");
    const auto both = comparison.less(Way::both_watched, Way::none, "both watched");
    const auto beyond = comparison.less(Way::another_watched, Way::empty, "another watched, against an empty program");
    const auto both_beyond = comparison.less(Way::both_watched, Way::empty, "both watched, against an empty program");
    bench::print_title("throughput of a ping-pong on one processor: less by");
    bench::print(comparison.throughput);
    for (const auto* series : {&spread, &daemon, &empty, &another, &both, &beyond, &both_beyond})
        bench::print(*series);
    print_bar("the daemon with its default rule, nobody watched", daemon, spread, 0);
    print_bar("another process watched", another, spread, 2);
    print_bar("another process watched, against an empty program", beyond, spread, 2);
    print_bar("both of it watched", both, spread, 5, true);
}

} // namespace

int main() {
    return bench::run_bench(run);
}
