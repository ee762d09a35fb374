// What the daemon takes when nothing happens: with 20,000 idle processes, for a minute (or the seconds given). Once
// with hangs looked for, as by default, and once without: the difference is what the looking costs.
#include "bench.hpp"
#include "host.hpp"

#include <cstdlib>

using namespace nezuban;

namespace {

constexpr const char* no_hangs = R"([defaults]
hang.uninterruptible = "off"
hang.stopped = "off"
hang.deadlock = false
hang.unserved = "off"
)";

// Of the whole machine since its boot: none of it is really idle.
double forks() {
    const auto text = bench::read_text("/proc/stat");
    return std::stod(text.substr(text.find("\nprocesses ") + 11));
}

// A daemon that is started for it, over that time.
class Idleness {
public:
    Idleness(const std::string& title, const std::string& defaults, int seconds)
        : daemon_(defaults + bench::rule_text("nzb-idle", "count.min = 20000\ncount.max = 25000")
                  + bench::rule_text("nzb-absent", "count.min = 0") + bench::rule_text("sshd", "count.min = 0")
                  + bench::runaway_rule()),
          each_second_(title, "us"), seconds_(seconds) {
        daemon_.start();
        bench::rest(std::chrono::seconds(2)); // the start is over
        family_ = bench::family_of(daemon_.child().pid());
        const double first = cpu();
        const double forks_before = forks();
        const auto begin = bench::monotonic_ns();
        double last = first;
        for (int second = 0; second < seconds_; ++second) {
            bench::rest(std::chrono::seconds(1));
            const double now = cpu();
            each_second_.add((now - last) / 1e3);
            last = now;
        }
        share_ = 100 * (last - first) / static_cast<double>(bench::monotonic_ns() - begin);
        forks_ = forks() - forks_before;
        bench::print(each_second_);
    }

    // Of a core, in per cent.
    [[nodiscard]] double share() const {
        return share_;
    }
    [[nodiscard]] std::string spread() const {
        return fmt::format("over {} s, {:.0f} forks on the machine meanwhile; median second {:.2g} %, most {:.2g} %",
                           seconds_, forks_, each_second_.median() / 1e4, each_second_.max() / 1e4);
    }
    void print_memory() const {
        double resident = 0;
        double maps = 0;
        std::string parts;
        for (const pid_t pid : family_) {
            resident += bench::resident_kb(pid) / 1024;
            maps += bench::map_bytes(pid) / (1 << 20);
            parts += fmt::format("{}{:.1f}", parts.empty() ? "" : " + ", bench::resident_kb(pid) / 1024);
        }
        bench::print_bar("20,000 idle processes: resident memory, all processes", resident, "MiB", parts + " MiB", 48);
        bench::print_bar("BPF maps", maps, "MiB", "as charged by the kernel", 8);
    }

private:
    [[nodiscard]] double cpu() const {
        double sum = 0;
        for (const pid_t pid : family_)
            sum += bench::cpu_ns(pid);
        return sum;
    }

    test::Daemon daemon_;
    std::vector<pid_t> family_;
    bench::Series each_second_;
    int seconds_ = 0;
    double share_ = 0;
    double forks_ = 0;
};

void run(int seconds) {
    auto sleepers = bench::start_sleepers(20'000);
    bench::print_title(fmt::format("CPU of the whole daemon, each second of {}, among 20,000 idle processes", seconds));
    double without = 0;
    {
        const Idleness blind("hangs are not looked for", no_hangs, seconds);
        without = blind.share();
        bench::print_bar("20,000 idle processes: CPU of the whole daemon, hangs not looked for", without, "% of a core",
                         blind.spread(), 0.2);
    }
    const Idleness looking("hangs are looked for", "", seconds);
    bench::print_bar("20,000 idle processes: CPU for looking for hangs, as by default", looking.share() - without,
                     "% of a core", fmt::format("with all else {:.2g} %; {}", looking.share(), looking.spread()), 1);
    looking.print_memory();
}

} // namespace

int main(int argc, char** argv) {
    return bench::run_bench([&] { run(argc > 1 ? std::atoi(argv[1]) : 60); });
}
