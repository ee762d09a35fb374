// What the daemon takes when nothing happens: with 20,000 idle processes, for a minute (or the seconds given).
#include "bench.hpp"
#include "host.hpp"

#include <cstdlib>

using namespace nezuban;

namespace {

// Of the whole machine since its boot: none of it is really idle.
double forks() {
    const auto text = bench::read_text("/proc/stat");
    return std::stod(text.substr(text.find("\nprocesses ") + 11));
}

void run(int seconds) {
    auto sleepers = test::start_program("nzsleepers", {"20000", "--name", "nzb-idle", "--life", "600"});
    test::Daemon daemon(bench::rule_text("nzb-idle", "count.min = 20000\ncount.max = 25000")
                        + bench::rule_text("nzb-absent", "count.min = 0") + bench::rule_text("sshd", "count.min = 0")
                        + bench::runaway_rule());
    daemon.start();
    bench::rest(std::chrono::seconds(2)); // the start is over
    const auto family = bench::family_of(daemon.child().pid());

    bench::Series each_second("all three processes, each second", "us");
    const auto cpu_of_all = [&] {
        double sum = 0;
        for (const pid_t pid : family)
            sum += bench::cpu_ns(pid);
        return sum;
    };
    const double first = cpu_of_all();
    const double forks_before = forks();
    const auto begin = bench::monotonic_ns();
    double last = first;
    for (int second = 0; second < seconds; ++second) {
        bench::rest(std::chrono::seconds(1));
        const double now = cpu_of_all();
        each_second.add((now - last) / 1e3);
        last = now;
    }
    const double share = 100 * (last - first) / static_cast<double>(bench::monotonic_ns() - begin);
    const double forks_meanwhile = forks() - forks_before;

    double resident = 0;
    double maps = 0;
    std::string parts;
    for (const pid_t pid : family) {
        resident += bench::resident_kb(pid) / 1024;
        maps += bench::map_bytes(pid) / (1 << 20);
        parts += fmt::format("{}{:.1f}", parts.empty() ? "" : " + ", bench::resident_kb(pid) / 1024);
    }
    const auto known = bench::status(daemon);
    bench::print_title(fmt::format("idle for {} s among {} processes", seconds, known["daemon"]["processes"].dump()));
    bench::print(each_second);
    bench::print_bar(
        "20,000 idle processes: CPU of the whole daemon", share, "% of a core",
        fmt::format("over {} s, {:.0f} forks on the machine meanwhile; median second {:.2g} %, most {:.2g} %", seconds,
                    forks_meanwhile, each_second.median() / 1e4, each_second.max() / 1e4),
        0.2);
    bench::print_bar("20,000 idle processes: resident memory, all processes", resident, "MiB", parts + " MiB", 48);
    bench::print_bar("BPF maps", maps, "MiB", "as charged by the kernel", 8);
}

} // namespace

int main(int argc, char** argv) {
    return bench::run_bench([&] { run(argc > 1 ? std::atoi(argv[1]) : 60); });
}
