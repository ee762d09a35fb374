// From an exit in the kernel (the stamp of its record) to the decision in the engine, among 10,000 idle processes.
#include "../support/features.hpp"
#include "app/observer.hpp"
#include "bench.hpp"
#include "engine/engine.hpp"
#include "host.hpp"
#include "io/clock.hpp"
#include "io/own_process.hpp"

using namespace nezuban;

namespace {

constexpr int exits = 3000;
constexpr const char* paced = "400"; // a second: each exit finds an idle machine
constexpr int under_load = 10'000;
constexpr double bar_us = 1000;
constexpr auto compare_every = std::chrono::seconds(1); // the daemon itself does it at most as often

// Every exit of a nztrue is an incident, every exec of one its end: each is a whole decision.
RuleSpec rule_of(std::uint32_t min) {
    RuleSpec rule{.name = "nztrue", .match = {.comm = "nztrue"}};
    rule.count.min = min;
    rule.restart.settle = Duration::zero();
    return rule;
}

// Observer and engine on a loop like the daemon's, until `ends` exits have been decided.
void decide(Observer& observer, Engine& engine, int ends, bench::Series& latencies) {
    int decided = 0;
    const Observer::Ends handlers{.needs = [&](const Event& event) { return engine.needs_of(event); },
                                  .event =
                                      [&](const Event& event, Time time) {
                                          Intents intents;
                                          engine.handle(event, time, intents);
                                          if (!std::holds_alternative<Exited>(event)) return;
                                          const auto latency = monotonic_now() - time;
                                          latencies.add(std::chrono::duration<double, std::micro>(latency).count());
                                          ++decided;
                                      }};
    const auto deadline = test::after(std::chrono::minutes(2));
    for (auto compare_at = test::Clock::now(); decided < ends && test::Clock::now() < deadline;) {
        if (test::Clock::now() >= compare_at) {
            observer.compare();
            compare_at = test::Clock::now() + compare_every;
        }
        const bool more = bench::must(observer.work(handlers));
        if (!more) test::wait_readable(observer.descriptor(), compare_at);
    }
}

struct Load {
    std::string name;
    std::string program;
    std::vector<std::string> arguments;
    int ends = 0;
};

std::vector<Load> loads() {
    return {{.name = std::string("exits one at a time, ") + paced + " a second",
             .program = "nzstorm",
             .arguments = {std::to_string(exits), "--exec", test::program("nztrue"), "--rate", paced, "--wait"},
             .ends = exits},
            {.name = "exits as fast as one CPU can",
             .program = "nzchurn",
             .arguments = {"60", "--workers", "1", "--most", std::to_string(under_load), "--wait"},
             .ends = under_load}};
}

void in_process(const Load& load, test::Child& source, bool barred) {
    auto observer = bench::must(Observer::attach(test::features(), DaemonSpec{}.ring_size));
    Engine engine({}, {rule_of(1), rule_of(0)}, {}, {});
    bench::Series latencies(load.name);
    source.send("go");
    decide(observer, engine, load.ends, latencies);
    bench::print(latencies);
    if (!barred) return;
    bench::print_bar(
        "exit in the kernel → decision, p99 among 10,000 idle processes", latencies.quantile(0.99), "us",
        fmt::format("median {:.4g}, max {:.4g} us, n = {}", latencies.median(), latencies.max(), latencies.size()),
        bar_us);
}

// The same exits, as the daemon itself tells it: a histogram of four buckets to each doubling.
void in_daemon(const Load& load, bool barred) {
    test::Daemon daemon(bench::rule_text("nztrue", "restart.settle = \"0s\"")
                        + bench::rule_text("nzb-idle", "count.min = 1") + bench::runaway_rule());
    daemon.start();
    auto source = test::start_program(load.program, load.arguments);
    source.send("go");
    source.read_line(test::after(std::chrono::minutes(2)));
    bench::rest(std::chrono::milliseconds(100));
    const auto latency = bench::status(daemon)["daemon"]["decision_latency_us"];
    const double p99 = latency["p99"].get<double>();
    fmt::print("{:<44} p50 {} us, p99 {} us, max {} us\n", "the daemon's own: " + load.name, latency["p50"].dump(),
               latency["p99"].dump(), latency["max"].dump());
    if (!barred) return;
    bench::print_bar("the same in the daemon, " + load.name, p99, "us",
                     "p50 " + latency["p50"].dump() + ", max " + latency["max"].dump() + " us", bar_us);
}

void run() {
    auto sleepers = test::start_program("nzsleepers", {"10000", "--name", "nzb-idle", "--life", "600"});
    bench::print_title("exit in the kernel -> decision in the engine");
    in_daemon(loads()[0], true);
    in_daemon(loads()[1], false);
    // Started first: what we make of ourselves is not for them.
    std::vector<test::Child> sources;
    for (const auto& load : loads())
        sources.push_back(test::start_program(load.program, load.arguments));
    for (const auto& weakness : harden()) // as the daemon does
        fmt::print("{}\n", weakness);
    in_process(loads()[0], sources[0], true);
    in_process(loads()[1], sources[1], false);
}

} // namespace

int main() {
    return bench::run_bench(run);
}
