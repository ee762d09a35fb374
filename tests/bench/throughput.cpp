// What the daemon takes off the host's fork+exec throughput: while every processor starts programs, the daemon comes
// and goes, and its time is compared with those before and after. Nobody against nobody tells what a difference is
// worth; empty programs, what any costs on these hooks; our programs without a reader, what the rest of us adds.
#include "../support/features.hpp"
#include "baseline.hpp"
#include "host.hpp"
#include "probe/lifecycle.hpp"

#include <memory>
#include <optional>

using namespace nezuban;

namespace {

constexpr int rounds = 60;
constexpr std::chrono::milliseconds slice{250};

enum class Way { none, daemon, programs, empty };

// What the machine starts in a second; its own counter.
double starts_a_second() {
    const auto count = [] {
        const auto text = bench::read_text("/proc/stat");
        return std::stod(text.substr(text.find("\nprocesses ") + 11));
    };
    const auto before = count();
    const auto began = bench::monotonic_ns();
    bench::rest(slice);
    return (count() - before) * 1e3 / bench::ms_since(began);
}

class Comparison {
public:
    // In per cent of the mean of before and after: a machine's speed changes with what its neighbours do, for seconds.
    bench::Series share(Way subject, const std::string& name) {
        bench::Series share(name, "%");
        // Every processor starts a program that does nothing and waits for its end, all the time: how fast two runs
        // of it are differs by more than what is looked for.
        test::Child churn({test::program("nzchurn"), "110"}, {.ends_with_input = true});
        churn.read_line(test::after());
        auto before = starts_with(Way::none);
        for (int round = 0; round < rounds; ++round) {
            const auto with = starts_with(subject);
            const auto after = starts_with(Way::none);
            share.add(200 * with / (before + after));
            before = after;
        }
        return share;
    }
    bench::Series throughput{"fork+exec+exit, nobody watches", "/s"};

private:
    double starts_with(Way way) {
        std::unique_ptr<test::Daemon> daemon;
        bench::Baseline empty;
        std::optional<Lifecycle> programs;
        if (way == Way::daemon) {
            daemon = std::make_unique<test::Daemon>(bench::runaway_rule());
            daemon->start();
        }
        if (way == Way::empty) {
            empty = bench::load_baseline({"empty_fork", "empty_exec", "empty_exit"});
            bench::attach(empty);
        }
        if (way == Way::programs) programs.emplace(bench::must(Lifecycle::attach(test::features(), 4 << 20)));
        bench::rest(std::chrono::milliseconds(150)); // what has been started has started, what was ended has ended
        const double done = starts_a_second();
        if (way == Way::none) throughput.add(done);
        return done;
    }
};

void run() {
    Comparison comparison;
    const auto nothing = comparison.share(Way::none, "nothing against nothing");
    const auto empty = comparison.share(Way::empty, "empty programs");
    const auto programs = comparison.share(Way::programs, "the life-cycle programs, read by nobody");
    const auto daemon = comparison.share(Way::daemon, "the daemon, a rule that watches everything");
    bench::print_title("fork+exec of the host, with against without");
    bench::print(comparison.throughput);
    for (const auto* series : {&nothing, &empty, &programs, &daemon})
        bench::print(*series);
    bench::print_row("fork+exec of the host, with nezuban against without, paired",
                     fmt::format("{:.3g} %", daemon.median()),
                     bench::spread_of(daemon) + "; nothing against nothing " + bench::spread_of(nothing), "≥ 97 %",
                     daemon.median() >= 97);
}

} // namespace

int main() {
    return bench::run_bench(run);
}
