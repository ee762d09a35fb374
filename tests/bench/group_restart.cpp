// A group of five services in a chain whose first is killed: four are stopped and five are started in order. What it
// takes beyond what the members' own commands and services take, by their own account.
#include "five.hpp"

using namespace nezuban;

namespace {

constexpr int rounds = 40;
constexpr int warm_up = 3;
constexpr int work_ms = 20; // of each start
constexpr double bar_ms = 50;

struct Round {
    double total_ms = 0;
    double own_ms = 0;
};

Round measure(bench::Five& five) {
    const auto victim = five.pids().at(bench::Five::name(0));
    bench::rest(std::chrono::milliseconds(20));
    Round round;
    const auto begin = bench::monotonic_ns();
    if (::kill(victim, SIGKILL) != 0) test::fail_with_errno("kill");
    for (int left = 2 * bench::Five::members - 1; left > 0; --left) {
        const auto taken = five.next_mark();
        round.own_ms += static_cast<double>(taken.ended_ns - taken.began_ns) / 1e6;
        round.total_ms = static_cast<double>(taken.ended_ns - begin) / 1e6;
    }
    five.await_whole();
    return round;
}

void run(const std::string& what, bench::Readiness readiness) {
    bench::Five five(readiness, work_ms);
    bench::Series total(what + ": kill -9 -> all up", "ms");
    bench::Series own(what + ": the members' own", "ms");
    bench::Series beyond(what + ": beyond it", "ms");
    for (int i = -warm_up; i < rounds; ++i) {
        const auto round = measure(five);
        if (i < 0) continue;
        total.add(round.total_ms);
        own.add(round.own_ms);
        beyond.add(round.total_ms - round.own_ms);
    }
    bench::print(total);
    bench::print(own);
    bench::print(beyond);
    bench::print_bar("group of five restarted in order, beyond the members' own time, " + what, beyond.median(), "ms",
                     fmt::format("{}, worst {:.3g} ms", bench::spread_of(beyond), beyond.max()), bar_ms);
}

} // namespace

int main() {
    return bench::run_bench([] {
        bench::print_title("a group of five, each requires the one before it; the first is killed");
        run("start commands that return when it is up", bench::Readiness::command_returns);
        run("ready.tcp", bench::Readiness::tcp);
        run("ready.command", bench::Readiness::command);
    });
}
