// Two to five of five services are killed within a millisecond, in any order: is the one that was killed first named as
// the root cause? A thousand rounds, on a running daemon.
#include "five.hpp"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <random>

#include <fmt/ranges.h>

using namespace nezuban;

namespace {

constexpr int most_rounds = 1000;
constexpr int between_resets = 100; // their attempts are bounded
constexpr int work_ms = 2;
constexpr unsigned most_us = 1000;

struct Blow {
    std::vector<std::string> victims; // in the order in which they were killed
    double first_gap_us = 0;          // from the first kill to the second
    double span_us = 0;               // to the last one
};

Blow strike(const bench::Five& five, std::mt19937& dice) {
    std::vector<int> order(bench::Five::members);
    std::iota(order.begin(), order.end(), 0);
    std::ranges::shuffle(order, dice);
    order.resize(2 + dice() % (bench::Five::members - 1));
    std::vector<long long> after_us(order.size());
    for (std::size_t i = 1; i < after_us.size(); ++i)
        after_us[i] = dice() % most_us;
    std::ranges::sort(after_us);

    const auto pids = five.pids();
    Blow blow;
    std::vector<pid_t> victims;
    for (const int member : order) {
        blow.victims.push_back(bench::Five::name(member));
        victims.push_back(pids.at(blow.victims.back()));
    }
    std::vector<long long> struck;
    const auto begin = bench::monotonic_ns();
    for (std::size_t i = 0; i < victims.size(); ++i) {
        while (bench::monotonic_ns() < begin + after_us[i] * 1000) {
        }
        if (::kill(victims[i], SIGKILL) != 0) test::fail_with_errno("kill");
        struck.push_back(bench::monotonic_ns());
    }
    blow.first_gap_us = static_cast<double>(struck[1] - struck[0]) / 1e3;
    blow.span_us = static_cast<double>(struck.back() - begin) / 1e3;
    return blow;
}

// As the status names it while it lasts; empty: it was over before it could be seen.
struct Named {
    std::string first;
    std::string last; // who is slow to end on a busy machine is heard of later, and may have been first
};

Named root_cause_of(const bench::Five& five) {
    Named named;
    for (const auto deadline = test::after(); test::Clock::now() < deadline;) {
        const auto now = bench::status(five.daemon());
        const auto& group = now.at("groups").at(0);
        if (group.at("root_cause").is_null()) {
            if (!named.first.empty()) break;
            continue;
        }
        named.last = group.at("root_cause");
        if (named.first.empty()) named.first = named.last;
        bench::rest(std::chrono::milliseconds(2));
    }
    return named;
}

void run(int rounds) {
    bench::Five five(bench::Readiness::command_returns, work_ms);
    bench::Series first_gap("first kill -> second", "us");
    bench::Series span("first kill -> last", "us");
    std::mt19937 dice(11);
    int right = 0;
    int right_at_first = 0;
    for (int round = 0; round < rounds; ++round) {
        const auto blow = strike(five, dice);
        const auto named = root_cause_of(five);
        first_gap.add(blow.first_gap_us);
        span.add(blow.span_us);
        right_at_first += named.first == blow.victims.front() ? 1 : 0;
        right += named.last == blow.victims.front() ? 1 : 0;
        if (named.first != blow.victims.front())
            fmt::print("round {}: killed {}, named {}, in the end {}; {:.1f} us before the second\n", round,
                       fmt::join(blow.victims, " "), named.first.empty() ? "nobody" : named.first,
                       named.last.empty() ? "nobody" : named.last, blow.first_gap_us);
        five.await_whole();
        five.drop_marks();
        if (round % between_resets == 0 && five.daemon().ask({"reset", "five"}).exit_code != 0)
            throw std::runtime_error("reset failed");
    }
    bench::print_title("two to five of five killed within a millisecond");
    bench::print(first_gap);
    bench::print(span);
    bench::print_row("root cause named right, of kills within a millisecond",
                     fmt::format("{} of {} (with the first word: {})", right, rounds, right_at_first),
                     fmt::format("first to second kill: {}", bench::spread_of(first_gap)), "each", right == rounds);
}

} // namespace

// bench_root_cause [ROUNDS]
int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::atoi(argv[1]) : most_rounds;
    return bench::run_bench([rounds] { run(rounds); });
}
