// Every process of a machine with 20,000 of them into a fresh engine, against reading stat, status and cmdline of each.
#include "../support/features.hpp"
#include "app/observer.hpp"
#include "bench.hpp"
#include "engine/engine.hpp"
#include "host.hpp"

using namespace nezuban;

namespace {

constexpr int rounds = 11;
constexpr const char* many = "20000";

std::vector<RuleSpec> rules() {
    std::vector<RuleSpec> all;
    for (const char* comm : {"nzb-idle", "sshd", "cron", "postgres", "systemd"}) {
        RuleSpec rule{.name = comm, .match = {.comm = comm}};
        rule.count.min = 0;
        rule.count.max = 30000;
        all.push_back(rule);
    }
    return all;
}

// One whole pass; what comes out of the ring meanwhile is handled as well, as the daemon does.
void pass(Observer& observer, Engine& engine) {
    bool ended = false;
    const Observer::Ends ends{.needs = [&](const Event& event) { return engine.needs_of(event); },
                              .event =
                                  [&](const Event& event, Time time) {
                                      Intents intents;
                                      engine.handle(event, time, intents);
                                      ended = ended || std::holds_alternative<SnapshotEnded>(event);
                                  }};
    observer.compare();
    while (!ended)
        bench::must(observer.work(ends));
}

void run() {
    auto sleepers = test::start_program("nzsleepers", {many, "--name", "nzb-idle", "--life", "600"});
    auto observer = bench::must(Observer::attach(test::features(), DaemonSpec{}.ring_size));
    bench::Series fresh("all processes into a fresh engine", "ms");
    bench::Series again("compared with an engine that knows them", "ms");
    bench::Series proc("stat, status and cmdline of each", "ms");
    std::size_t counted = 0;
    bench::ProcScan scan;
    for (int round = -1; round < rounds; ++round) {
        Engine engine({}, rules(), {}, {});
        const auto snapshot = [&](bench::Series& series) {
            const auto begin = bench::monotonic_ns();
            pass(observer, engine);
            if (round >= 0) series.add(bench::ms_since(begin));
        };
        const auto read_proc = [&] {
            const auto begin = bench::monotonic_ns();
            scan = bench::scan_proc();
            if (round >= 0) proc.add(bench::ms_since(begin));
        };
        if (round % 2 == 0) read_proc();
        snapshot(fresh);
        snapshot(again);
        if (round % 2 != 0) read_proc();
        counted = engine.matches().at(0).size();
    }
    bench::print_title(fmt::format("snapshot of {} processes ({} counted by a rule)", scan.processes, counted));
    bench::print(fresh);
    bench::print(again);
    bench::print(proc);
    bench::print_ratio("snapshot of 20,000 processes into the engine, against reading /proc", fresh, proc, 0.05);
}

} // namespace

int main() {
    return bench::run_bench(run);
}
