// Two to five of five services are killed within a millisecond, in any order: is the one that was killed first named as
// the root cause? A thousand rounds, on a running daemon.
#include "five.hpp"

#include <algorithm>
#include <numeric>
#include <random>

#include <fmt/ranges.h>

using namespace nezuban;

namespace {

constexpr int rounds = 1000;
constexpr int between_resets = 100; // their attempts are bounded
constexpr int work_ms = 5;
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
std::string root_cause_of(const bench::Five& five) {
    for (const auto deadline = test::after();;) {
        const auto now = bench::status(five.daemon());
        const auto& group = now.at("groups").at(0);
        if (!group.at("root_cause").is_null()) return group.at("root_cause");
        if (test::Clock::now() > deadline) return {};
    }
}

void run() {
    bench::Five five(bench::Readiness::command_returns, work_ms);
    bench::Series first_gap("first kill -> second", "us");
    bench::Series span("first kill -> last", "us");
    std::mt19937 dice(11);
    int right = 0;
    int wrong = 0;
    for (int round = 0; round < rounds; ++round) {
        const auto blow = strike(five, dice);
        const auto named = root_cause_of(five);
        first_gap.add(blow.first_gap_us);
        span.add(blow.span_us);
        if (named == blow.victims.front()) {
            ++right;
        } else {
            ++wrong;
            fmt::print("round {}: killed {}, named {}, {:.1f} us before the second\n", round,
                       fmt::join(blow.victims, " "), named.empty() ? "nobody" : named, blow.first_gap_us);
        }
        five.await_whole();
        five.drop_marks();
        if (round % between_resets == 0 && five.daemon().ask({"reset", "five"}).exit_code != 0)
            throw std::runtime_error("reset failed");
    }
    bench::print_title("two to five of five killed within a millisecond");
    bench::print(first_gap);
    bench::print(span);
    bench::print_row("root cause named right, of kills within a millisecond",
                     fmt::format("{} of {}", right, right + wrong),
                     fmt::format("first to second kill: {}", bench::spread_of(first_gap)), fmt::format("{}", rounds),
                     wrong == 0 && right == rounds);
}

} // namespace

int main() {
    return bench::run_bench(run);
}
