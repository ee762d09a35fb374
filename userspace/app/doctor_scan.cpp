#include "app/doctor_scan.hpp"

#include "app/scan_pace.hpp"
#include "app/wait_source.hpp"
#include "core/scan_wish.hpp"
#include "io/clock.hpp"
#include "io/files.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace nezuban {

namespace {

constexpr int looks = 5;

// "0.10 0.20 0.30 1/4711 815": runnable and all.
std::uint64_t threads_of_the_machine() {
    const auto text = read_file("/proc/loadavg", 4096).value_or("");
    std::uint64_t threads = 0;
    const auto slash = text.find('/');
    if (slash != std::string::npos) std::from_chars(text.data() + slash + 1, text.data() + text.size(), threads);
    return threads;
}

Result<Duration> one_pass(const std::function<Result<void>()>& begin, const std::function<Result<bool>()>& read) {
    const auto began = monotonic_now();
    if (auto begun = begin(); !begun) return std::unexpected(begun.error());
    for (bool more = true; more;) {
        auto slice = read();
        if (!slice) return std::unexpected(slice.error());
        more = *slice;
    }
    return monotonic_now() - began;
}

Duration median(std::vector<Duration> durations) {
    std::ranges::sort(durations);
    return durations.at(durations.size() / 2);
}

} // namespace

double ScanCost::share() const {
    const double of_sockets = sockets_seen ? seconds_of(sockets) / seconds_of(sockets_every) : 0;
    return 100 * (seconds_of(threads) / seconds_of(threads_every) + of_sockets);
}

Result<ScanCost> measure_scan(const Features& features, Duration every) {
    auto waits = WaitSource::load(features);
    if (!waits) return std::unexpected(waits.error());
    const ScanWish wish{.uninterruptible = true,
                        .stopped = true,
                        .locks = true,
                        .sockets = true,
                        .least = std::chrono::milliseconds(100)};
    auto* all = waits->sockets();
    ScanCost cost{.of_threads = threads_of_the_machine(), .map_bytes = all == nullptr ? 0 : all->map_bytes()};
    std::vector<Duration> threads;
    std::vector<Duration> sockets;
    for (int look = 0; look < looks; ++look) {
        auto pass = one_pass([&] { return waits->begin_threads(wish); },
                             [&] { return waits->read_threads([](const ThreadWait&) {}); });
        if (!pass) return std::unexpected(pass.error());
        threads.push_back(*pass);
        if (all != nullptr)
            pass = one_pass([&] { return all->begin_sockets(); },
                            [&] { return all->read_sockets([](const SocketQueue&) {}); });
        if (all != nullptr && pass)
            sockets.push_back(*pass);
        else
            cost.sockets_seen = false;
    }
    cost.threads = median(std::move(threads));
    cost.threads_every = next_thread_scan_after(every, cost.threads, features.mode == Mode::bpf);
    if (cost.sockets_seen) cost.sockets = median(std::move(sockets));
    cost.sockets_every = next_socket_scan_after(every, cost.sockets);
    return cost;
}

} // namespace nezuban
