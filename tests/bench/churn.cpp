// fork, exec and exit as fast as the machine can, threads besides: what is lost, and whether the counts are right at
// the end.
//   churn [SECONDS]     default 60
#include "bench.hpp"
#include "host.hpp"

#include <cstdlib>

using namespace nezuban;

namespace {

constexpr int sleepers_count = 300;
constexpr const char* threads_a_second = "10000";
constexpr int small_ring_seconds = 10;
constexpr double bar_right_again_ms = 1000;

const std::vector<std::string>& names() {
    static const std::vector<std::string> all{"nztrue", "nzchurn", "nzb-idle", "nzb-named", "nzb-absent"};
    return all;
}

std::string configuration() {
    std::string text = bench::runaway_rule();
    for (const auto& name : names())
        text += bench::rule_text(name, "count.min = 0\ncount.max = 20000");
    return text;
}

// How many counts differ from what /proc tells. Only names of our own: the rest of the machine may change between the
// two.
int wrong_counts(const test::Daemon& daemon, std::string* which = nullptr) {
    const auto known = bench::status(daemon);
    const auto living = bench::living_by_comm();
    int wrong = 0;
    for (const auto& name : names()) {
        const auto found = living.find(name);
        const long real = found == living.end() ? 0 : found->second;
        const auto counted = bench::rule_in(known, name)["count"].get<long>();
        if (counted == real) continue;
        ++wrong;
        if (which != nullptr) *which += fmt::format(" {}: {} instead of {};", name, counted, real);
    }
    return wrong;
}

struct Outcome {
    double lost = 0;
    double wrong_at_end = 0;
    double right_after_ms = 0;
};

enum class Watcher { prompt, stalled };

// A prompt daemon loses nothing even out of the smallest ring. So it is stopped again and again, as a machine out of
// memory or processors may do, and at last while the churn ends: from then on it has only the kernel's list to go by.
void stall(const test::Child& daemon, int seconds) {
    for (int second = 0; second < seconds; ++second) {
        daemon.signal(SIGCONT);
        bench::rest(std::chrono::milliseconds(700));
        daemon.signal(SIGSTOP);
        bench::rest(std::chrono::milliseconds(300));
    }
}

Outcome churn(const std::string& ring, int seconds, Watcher watcher) {
    test::Daemon daemon(configuration(), "ring_size = \"" + ring + "\"");
    auto sleepers =
        test::start_program("nzsleepers", {std::to_string(sleepers_count), "--name", "nzb-idle", "--life", "600"});
    daemon.start();
    auto renamed = test::start_program("nzidle");
    auto source = test::start_program("nzchurn", {std::to_string(seconds), "--threads", threads_a_second, "--wait"});
    source.send("go");
    renamed.ask("rename nzb-named"); // what changes has to be as right as what comes and goes
    if (watcher == Watcher::stalled) stall(daemon.child(), seconds);
    const auto line = source.read_line(test::after(std::chrono::seconds(seconds + 30)));
    source.wait();
    if (watcher == Watcher::stalled) daemon.child().signal(SIGCONT);
    const auto end = bench::monotonic_ns();

    Outcome outcome;
    std::string which;
    outcome.wrong_at_end = wrong_counts(daemon, &which);
    for (bool wrong = outcome.wrong_at_end > 0; wrong && bench::ms_since(end) < 20'000;
         wrong = wrong_counts(daemon) > 0)
        bench::rest(std::chrono::milliseconds(5));
    outcome.right_after_ms = bench::ms_since(end);
    const auto known = bench::status(daemon)["daemon"];
    outcome.lost = known["events_lost"].get<double>();
    const double ran = static_cast<double>(test::number_in(line, "spawned"));
    fmt::print(
        "ring {}: {:.0f} processes and {} threads in {} s ({:.0f} a second); {} events, {:.0f} lost, {} resyncs, "
        "decision p99 {} us; right {:.0f} ms after the end;{}\n",
        ring, ran, test::number_in(line, "threads"), seconds, ran / seconds, known["events_received"].dump(),
        outcome.lost, known["resyncs"].dump(), known["decision_latency_us"]["p99"].dump(), outcome.right_after_ms,
        which);
    return outcome;
}

void run(int seconds) {
    fmt::print("fork, exec and exit by every CPU, threads besides\n");
    const auto whole = churn("4MiB", seconds, Watcher::prompt);
    bench::print_bar(fmt::format("churn for {} s, default ring: events lost", seconds), whole.lost, "events", "one run",
                     0);
    bench::print_bar(fmt::format("churn for {} s, default ring: wrong counts at the end", seconds), whole.wrong_at_end,
                     "rules", fmt::format("of {}", names().size()), 0);
    bench::Series right("right again", "ms");
    double least_lost = 1e18;
    for (const std::string ring : {"4KiB", "16KiB", "64KiB"}) {
        const auto small = churn(ring, small_ring_seconds, Watcher::stalled);
        right.add(small.right_after_ms);
        least_lost = std::min(least_lost, small.lost);
    }
    bench::print_bar("churn, rings of 4, 16 and 64 KiB, daemon stalled: counts right again after", right.max(), "ms",
                     fmt::format("median {:.3g} ms, n = {}; at least {:.0f} losses told each", right.median(),
                                 right.size(), least_lost),
                     bar_right_again_ms);
}

} // namespace

int main(int argc, char** argv) {
    return bench::run_bench([&] { run(argc > 1 ? std::atoi(argv[1]) : 60); });
}
