// From the exec of `nezuban run` to READY=1: programs loaded and attached, the first list of processes complete. The
// daemon as a whole, on an otherwise idle machine and among 10,000 idle processes, and what each part of its start
// takes alone.
#include "app/configuration.hpp"
#include "app/observer.hpp"
#include "bench.hpp"
#include "engine/engine.hpp"
#include "host.hpp"
#include "probe/stalls.hpp"
#include "probe/waits.hpp"

#include <array>
#include <optional>
#include <sstream>

#include <sys/wait.h>
#include <unistd.h>

using namespace nezuban;

namespace {

constexpr int rounds = 20;
constexpr int many = 10'000;
constexpr double bar_ms = 500;

// What configs/nezuban.toml says: everything that is on by default is loaded.
std::string configuration() {
    return "[[process]]\nname = \"any\"\nmatch.any = true\ncount.min = 0\ncount.per = \"exe\"\ncount.max = 20000\n";
}

constexpr std::array parts{"configuration",
                           "features: BTF and what it has",
                           "life-cycle programs: load, attach",
                           "task list: load, attach",
                           "wait and socket scans: load, attach",
                           "stall tracking: load, attach",
                           "first list of all processes"};
using Parts = std::array<double, parts.size()>;

// On a processor, in milliseconds: what the rest of the machine does is not of the part.
double part(const std::function<void()>& work) {
    const auto now = [] {
        timespec used{};
        ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
        return static_cast<double>(used.tv_sec) * 1e3 + static_cast<double>(used.tv_nsec) / 1e6;
    };
    const auto begin = now();
    work();
    return now() - begin;
}

void first_list(Observer& observer, const Spec& spec) {
    Engine engine({}, spec.rules, spec.groups, {});
    bool ended = false;
    observer.compare();
    while (!ended)
        bench::must(observer.work({.needs = [&](const Event& event) { return engine.needs_of(event); },
                                   .event =
                                       [&](const Event& event, Time time) {
                                           Intents intents;
                                           engine.handle(event, time, intents);
                                           ended = ended || std::holds_alternative<SnapshotEnded>(event);
                                       }}));
}

Parts one_by_one(const std::string& config) {
    std::optional<Spec> spec;
    Features features;
    std::ostringstream complaints;
    Parts took{part([&] { spec = read_configuration(config, complaints); }),
               part([&] { features = probe_features(); }),
               part([&] { bench::must(Lifecycle::attach(features, DaemonSpec{}.ring_size)); }),
               part([&] { bench::must(Snapshot::load()); }),
               part([&] { bench::must(Waits::load(features)); }),
               part([&] { bench::must(Stalls::attach(features)); })};
    if (!spec) throw std::runtime_error(complaints.str());
    auto observer = bench::must(Observer::attach(features, spec->daemon.ring_size));
    took.back() = part([&] { first_list(observer, *spec); });
    return took;
}

// In a process of its own, as the daemon is: memory that was used before costs less.
Parts in_a_child(const std::string& config) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) test::fail_with_errno("pipe");
    const test::Fd reader(ends[0]);
    test::Fd writer(ends[1]);
    const auto pid = ::fork();
    if (pid < 0) test::fail_with_errno("fork");
    if (pid == 0) {
        int failed = 1;
        try {
            const auto took = one_by_one(config);
            failed = ::write(writer.get(), &took, sizeof took) == sizeof took ? 0 : 1;
        } catch (const std::exception& error) {
            fmt::print(stderr, "{}\n", error.what());
        }
        ::_exit(failed);
    }
    writer.close();
    Parts took{};
    const auto got = ::read(reader.get(), &took, sizeof took);
    int status = 0;
    ::waitpid(pid, &status, 0);
    if (got != sizeof took || status != 0) throw std::runtime_error("the parts of a start could not be measured");
    return took;
}

void measure(const std::string& where) {
    bench::Series whole("exec -> READY=1", "ms");
    bench::Series processor("... of it on a processor", "ms");
    bench::Series nothing("exec -> end of `nezuban --version`", "ms");
    std::vector<bench::Series> alone;
    for (const auto* name : parts)
        alone.emplace_back(name, "ms");
    for (int round = -1; round < rounds; ++round) {
        test::Daemon daemon(configuration());
        auto begin = bench::monotonic_ns();
        daemon.start();
        const auto started = bench::ms_since(begin);
        const auto busy = bench::cpu_ns(daemon.child().pid()) / 1e6;
        daemon.stop();
        begin = bench::monotonic_ns();
        test::Child({test::nezuban_binary(), "--version"}).wait();
        const auto version = bench::ms_since(begin);
        const auto took = in_a_child(daemon.config());
        if (round < 0) continue;
        whole.add(started);
        processor.add(busy);
        nothing.add(version);
        for (std::size_t i = 0; i < alone.size(); ++i)
            alone[i].add(took[i]);
    }
    bench::print_title("start, " + where);
    bench::print(whole);
    bench::print(processor);
    bench::print(nothing);
    fmt::print("each part alone, on a processor:\n");
    for (const auto& series : alone)
        bench::print(series);
    bench::print_bar("start, " + where + ": exec → READY=1", whole.median(), "ms",
                     bench::spread_of(whole) + fmt::format("; max {:.4g} ms", whole.max()), bar_ms);
}

void run() {
    measure("nothing else");
    const auto sleepers = bench::start_sleepers(many);
    measure("among 10,000 idle processes");
}

} // namespace

int main() {
    return bench::run_bench(run);
}
