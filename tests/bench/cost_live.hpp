// What a running daemon takes, as rules, processes and threads grow.
#pragma once

#include "../support/features.hpp"
#include "curve.hpp"
#include "host.hpp"
#include "many_threads.hpp"
#include "probe/waits.hpp"

#include <functional>
#include <string>
#include <vector>

namespace nezuban::bench {

class LiveCost {
public:
    explicit LiveCost(bool quick) : quick_(quick) {}

    void print() {
        for (const bool by_argument : {false, true})
            over_rules(by_argument);
        over_processes();
        over_threads();
        table_.print_steepest();
    }

private:
    static constexpr int rate = 500; // processes a second: each finds an idle daemon

    [[nodiscard]] static double cpu_of(const std::vector<pid_t>& family) {
        double sum = 0;
        for (const pid_t pid : family)
            sum += cpu_ns(pid);
        return sum;
    }

    static std::string rules(int count, bool by_argument) {
        std::string text;
        for (int i = 0; i < count; ++i)
            text += fmt::format("[[process]]\nname = \"nzb-{0:04}\"\nmatch.{1} = \"nzb-{0:04}{2}\"\ncount.min = 0\n", i,
                                by_argument ? "args_regex" : "comm", by_argument ? "( |$)" : "");
        return text;
    }

    // Of all the daemon's processes, for each fork, exec and exit; what it takes anyway is in it.
    void over_rules(bool by_argument) {
        Curve curve(fmt::format("daemon, per event at {} fork + exec a second, rules by {}", rate,
                                by_argument ? "argument pattern" : "name"),
                    "us CPU", "rules");
        const int lives = quick_ ? rate : 2 * rate;
        for (const int count : {1, 100, 1000}) {
            auto& series = curve.at(count);
            test::Daemon daemon(rules(count, by_argument));
            daemon.start();
            rest(std::chrono::seconds(1));
            const auto family = family_of(daemon.child().pid());
            for (int round = 0; round < (quick_ ? 2 : 5); ++round) {
                auto storm =
                    test::start_program("nzstorm", {std::to_string(lives), "--name", "nzb-0000", "--exec",
                                                    test::program("nztrue"), "--rate", std::to_string(rate), "--wait"});
                const double before = cpu_of(family);
                storm.send("go");
                storm.read_line(test::after(std::chrono::minutes(1)));
                series.add((cpu_of(family) - before) / (3.0 * lives) / 1e3);
            }
        }
        table_.print(curve);
    }

    void over_processes() {
        Curve cpu("daemon among idle processes, hangs looked for as by default", "% of a core", "processes");
        Curve resident("daemon among idle processes: resident memory, all its processes", "MiB", "processes");
        Curve maps("daemon among idle processes: BPF maps", "MiB", "processes");
        for (const int count : {1000, 10'000, 20'000}) {
            auto sleepers = start_sleepers(count);
            test::Daemon daemon(rule_text("nzb-idle", "count.min = 0") + runaway_rule());
            daemon.start();
            rest(std::chrono::seconds(2));
            const auto family = family_of(daemon.child().pid());
            take_share(quick_ ? 4 : 15, family, cpu.at(count));
            auto& megabytes = resident.at(count);
            auto& of_maps = maps.at(count);
            double kb = 0;
            double bytes = 0;
            for (const pid_t pid : family) {
                kb += resident_kb(pid);
                bytes += map_bytes(pid);
            }
            megabytes.add(kb / 1024);
            of_maps.add(bytes / (1 << 20));
        }
        for (const auto* curve : {&cpu, &resident, &maps})
            table_.print(*curve);
    }

    // One figure of the whole time: hangs are looked for every few seconds only.
    static void take_share(int seconds, const std::vector<pid_t>& family, Series& share) {
        const auto begin = monotonic_ns();
        const double first = cpu_of(family);
        rest(std::chrono::seconds(seconds));
        share.add(100 * (cpu_of(family) - first) / static_cast<double>(monotonic_ns() - begin));
    }

    void over_threads() {
        Curve share("daemon with all kinds of hangs looked for in one process", "% of a core", "its threads");
        Curve look("one look at all threads of the machine", "ms CPU", "threads of one process");
        for (const int count : {10, 100, 1000, 10'000}) {
            const ManyThreads threads(count, "nzb-threads");
            test::Daemon daemon(rule_text("nzb-threads", "count.min = 0\nhang.lock_wait = \"30s\"\nhang.spinning = "
                                                         "\"30s\"\nhang.silent = \"30s\""));
            daemon.start();
            rest(std::chrono::seconds(2));
            take_share(quick_ ? 4 : 10, family_of(daemon.child().pid()), share.at(count));
            daemon.stop();
            looks(look.at(count));
        }
        table_.print(share);
        table_.print(look);
    }

    void looks(Series& series) const {
        auto waits = must(Waits::load(test::features()));
        const ScanWish all{
            .uninterruptible = true, .stopped = true, .locks = true, .running = true, .least = std::chrono::seconds(1)};
        for (int round = -1; round < (quick_ ? 3 : 11); ++round) {
            rest(std::chrono::milliseconds(50));
            const double begin = thread_cpu_ns();
            if (auto begun = waits.begin_threads(all); !begun) throw std::runtime_error(begun.error().text);
            while (must(waits.read_threads([](const ThreadWait&) {}))) {
            }
            if (round >= 0) series.add((thread_cpu_ns() - begin) / 1e6);
        }
    }

    bool quick_;
    CurveTable table_{"the daemon"};
};

} // namespace nezuban::bench
