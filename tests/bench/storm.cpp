// 20,000 forks against a maximum of 500: how many are alive at once, and how long other rules wait meanwhile.
#include "bench.hpp"
#include "host.hpp"
#include "kill_to_command.hpp"

#include <optional>

using namespace nezuban;

namespace {

constexpr int others = 20;
constexpr std::chrono::milliseconds pause{100}; // between two kills
constexpr const char* storm_name = "nzb-storm";

std::string name_of(int other) {
    return fmt::format("nzb-{:02}", other);
}

std::string configuration(const bench::Mark& mark) {
    auto text = bench::rule_text(storm_name, "count.min = 0\ncount.max = 500\ncount.over = \"stop-newest\"")
                + bench::runaway_rule();
    const auto command = mark.command();
    for (int other = 0; other < others; ++other)
        text +=
            bench::rule_text(name_of(other), fmt::format("restart.command = [\"{}\", \"{}\"]\nrestart.settle = \"0s\"\n"
                                                         "restart.attempts = 1",
                                                         command.at(0), command.at(1)));
    return text;
}

// Its tally, when it comes within this time.
std::optional<std::string> line_of(test::Child& storm, std::chrono::milliseconds span) {
    try {
        return storm.read_line(test::after(span));
    } catch (const std::runtime_error&) {
        return std::nullopt; // not over
    }
}

// Kills the process of one rule after the other while the storm lasts; each time, how long its restart command took to
// run: the judgement is a part of that. Returns the storm's tally.
std::string kill_meanwhile(test::Child& storm, std::vector<test::Child>& watched, bench::Mark& mark,
                           bench::Series& series) {
    for (auto& victim : watched) {
        if (const auto over = line_of(storm, pause)) return *over;
        series.add(bench::kill_and_await(victim, mark) / 1e3);
    }
    return storm.read_line(test::after(std::chrono::minutes(2)));
}

struct Storms {
    bench::Series peaks{"most alive or not yet reaped at once", "processes"};
    bench::Series judged{"exit -> decision, the longest of any rule's", "ms"};
    bench::Series commands{"kill -> restart command of another rule", "ms"};
};

void storm_once(Storms& storms) {
    const test::TempDir dir;
    bench::Mark mark(dir.file("mark"));
    std::vector<test::Child> watched;
    for (int other = 0; other < others; ++other)
        watched.push_back(test::start_program("nzidle", {"--name", name_of(other)}));
    test::Daemon daemon(configuration(mark));
    daemon.start();
    auto storm = test::start_program("nzstorm", {"20000", "--name", storm_name, "--wait"});
    const auto begin = bench::monotonic_ns();
    storm.send("go");
    const auto killed_before = storms.commands.size();
    const auto tally = kill_meanwhile(storm, watched, mark, storms.commands);
    const double seconds = bench::ms_since(begin) / 1e3;
    const auto rule =
        bench::await_rule(daemon, storm_name, [](const nlohmann::json& each) { return each["count"] <= 500; });
    const auto known = bench::status(daemon)["daemon"];
    fmt::print("{} forks in {:.1f} s, {} kills of others meanwhile; at most {} not reaped at once, {} left, {} ended, "
               "{} events lost\n",
               test::number_in(tally, "forked"), seconds, storms.commands.size() - killed_before,
               test::number_in(tally, "peak"), rule["count"].dump(), rule["stopped_excess"].dump(),
               known["events_lost"].dump());
    storms.peaks.add(static_cast<double>(test::number_in(tally, "peak")));
    storms.judged.add(known["decision_latency_us"]["max"].get<double>() / 1e3);
}

void run() {
    constexpr int rounds = 5;
    Storms storms;
    for (int round = 0; round < rounds; ++round)
        storm_once(storms);
    bench::print_title("storm of 20,000 forks against max = 500, stop-newest");
    for (const auto* series : {&storms.peaks, &storms.judged, &storms.commands})
        bench::print(*series);
    bench::print_bar("storm: most alive at once", storms.peaks.max(), "processes",
                     fmt::format("median {:.0f}, least {:.0f}, of {} storms", storms.peaks.median(),
                                 storms.peaks.quantile(0), storms.peaks.size()),
                     500 * 1.1);
    bench::print_bar("storm: exit → decision, the longest of any rule's", storms.judged.max(), "ms",
                     fmt::format("median of the storms' longest {:.3g} ms", storms.judged.median()), 100);
    bench::print_bar("storm: kill → restart command of another rule running, median", storms.commands.median(), "ms",
                     fmt::format("{}, max {:.4g} ms", bench::spread_of(storms.commands), storms.commands.max()), 100);
}

} // namespace

int main() {
    return bench::run_bench(run);
}
