// One wait scan of a machine with 20,000 sleepers: processor time of the pass over threads, of that over sockets, and
// of both; and how long the watcher is away for one slice.
#include "../support/features.hpp"
#include "app/scan_pace.hpp"
#include "bench.hpp"
#include "core/spec.hpp"
#include "host.hpp"
#include "probe/lifecycle.hpp"
#include "probe/waits.hpp"

using namespace nezuban;

namespace {

constexpr int rounds = 21;
constexpr int many = 20'000;

void began(const Result<void>& result) {
    if (!result) throw std::runtime_error(result.error().text);
}

struct Taken {
    double cpu_ms = 0;
    std::size_t told = 0;
};

// Slices are looked at as often as they come: their longest is that of the whole bench.
Taken pass(const std::function<Result<bool>(std::size_t&)>& read_slice, bench::Series& slices) {
    Taken taken;
    const double begin = bench::thread_cpu_ns();
    for (bool more = true; more;) {
        const auto slice = bench::monotonic_ns();
        more = bench::must(read_slice(taken.told));
        slices.add(bench::ms_since(slice));
    }
    taken.cpu_ms = (bench::thread_cpu_ns() - begin) / 1e6;
    return taken;
}

Duration of_ms(double ms) {
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::milli>(ms));
}

// As often as the daemon would come, with what it asks for by default.
void print_share(const bench::Series& threads, const bench::Series& sockets) {
    const auto usual = DaemonSpec{}.scan;
    const auto seconds = [](Duration every) { return std::chrono::duration<double>(every).count(); };
    const double of_threads = seconds(next_thread_scan_after(usual, of_ms(threads.median())));
    const double of_sockets = seconds(next_socket_scan_after(usual, of_ms(sockets.median())));
    bench::print_bar("the same, as often as it comes by default",
                     threads.median() / of_threads / 10 + sockets.median() / of_sockets / 10, "% of a core",
                     fmt::format("threads every {:.2g} s, sockets every {:.2g} s", of_threads, of_sockets), 1);
}

void run() {
    auto sleepers = bench::start_sleepers(many);
    auto waits = bench::must(Waits::load(test::features()));
    const ScanWish all{.uninterruptible = true,
                       .stopped = true,
                       .locks = true,
                       .running = true,
                       .sockets = true,
                       .least = std::chrono::seconds(1)};
    bench::Series threads("threads, all kinds", "ms CPU");
    bench::Series sockets("sockets", "ms CPU");
    bench::Series both("one scan", "ms CPU");
    bench::Series slices("one slice", "ms");
    std::size_t told_threads = 0;
    std::size_t told_sockets = 0;
    for (int round = -1; round < rounds; ++round) {
        bench::rest(std::chrono::milliseconds(100)); // as cold as a scan a second finds it
        began(waits.begin_threads(all));
        const auto first =
            pass([&](std::size_t& told) { return waits.read_threads([&](const ThreadWait&) { ++told; }); }, slices);
        began(waits.begin_sockets());
        const auto second =
            pass([&](std::size_t& told) { return waits.read_sockets([&](const SocketQueue&) { ++told; }); }, slices);
        if (round < 0) continue;
        threads.add(first.cpu_ms);
        sockets.add(second.cpu_ms);
        both.add(first.cpu_ms + second.cpu_ms);
        told_threads = first.told;
        told_sockets = second.told;
    }
    bench::print_title(
        fmt::format("wait scan over {} sleepers (told: {} threads, {} sockets)", many, told_threads, told_sockets));
    for (const auto* series : {&threads, &sockets, &both, &slices})
        bench::print(*series);
    bench::print_bar("wait scan of 20,000 processes, threads and sockets", both.median(), "ms CPU",
                     bench::spread_of(both), 60);
    print_share(threads, sockets);
}

} // namespace

int main() {
    return bench::run_bench(run);
}
