// The baseline alone: one reading of /proc, with as many idle processes besides as are asked for (default 2,000).
#include "proc_scan.hpp"

#include "bench.hpp"
#include "kill_to_command.hpp"

using namespace nezuban;

int main(int argc, char** argv) {
    constexpr int rounds = 10;
    auto sleepers = test::start_program("nzsleepers", {argc > 1 ? argv[1] : "2000"});
    bench::Series series("stat, status and cmdline of each");
    bench::ProcScan scan;
    for (int round = 0; round < rounds; ++round) {
        const long long begin = bench::monotonic_ns();
        scan = bench::scan_proc();
        series.add(static_cast<double>(bench::monotonic_ns() - begin) / 1e3);
    }
    bench::print_title(fmt::format("reading /proc of {} processes, {} kB", scan.processes, scan.bytes / 1000));
    bench::print(series);
    return 0;
}
