// Processes and threads that come and go as fast as the machine can.
//
//   nzchurn SECONDS [--workers W] [--threads PER_SECOND] [--program PATH] [--most N] [--wait]
//
// Each of W workers (default: one a CPU) starts PATH (default: nztrue) and waits for its end, over and over; besides,
// threads are started and joined at that rate. It ends after SECONDS (at most 110), after N processes, or with standard
// input, and says exactly how many there were. With --wait it begins at the first line of standard input.
#include "nz.hpp"

#include <algorithm>
#include <atomic>
#include <ctime>
#include <thread>
#include <vector>

#include <poll.h>
#include <spawn.h>

namespace {

constexpr const char* usage =
    "nzchurn SECONDS [--workers W] [--threads PER_SECOND] [--program PATH] [--most N] [--wait]";
constexpr long longest_s = 110;

struct Options {
    long seconds = 0;
    long workers = 0;
    long threads = 0; // a second
    long most = 0;    // processes; zero: no limit
    std::string program;
    bool wait = false;
};

struct Tally {
    std::atomic<bool> stop{false};
    std::atomic<long> claimed{0}; // processes that some worker took upon itself
    std::atomic<long> spawned{0};
    std::atomic<long> succeeded{0}; // ended with 0
    std::atomic<long> refused{0};   // could not be started
    std::atomic<long> threads{0};
};

Options options_from(int argc, char** argv) {
    Options options;
    options.seconds = nz::number_or_usage(argc > 1 ? argv[1] : nullptr, usage);
    options.workers = std::max(1L, sysconf(_SC_NPROCESSORS_ONLN));
    for (int at = 2; at < argc; ++at) {
        const std::string word = argv[at];
        const char* value = at + 1 < argc ? argv[at + 1] : nullptr;
        if (word == "--wait") {
            options.wait = true;
            continue;
        }
        if (word == "--workers") {
            options.workers = nz::number_or_usage(value, usage);
        } else if (word == "--threads") {
            options.threads = nz::number_or_usage(value, usage);
        } else if (word == "--most") {
            options.most = nz::number_or_usage(value, usage);
        } else if (word == "--program" && value != nullptr) {
            options.program = value;
        } else {
            nz::number_or_usage(nullptr, usage);
        }
        ++at;
    }
    if (options.program.empty()) options.program = nz::sibling("nztrue");
    if (options.seconds > longest_s || options.workers > 64) nz::number_or_usage(nullptr, usage);
    return options;
}

void churn(const Options& options, Tally& tally) {
    std::string program = options.program;
    char* const argv[] = {program.data(), nullptr};
    while (!tally.stop) {
        if (options.most > 0 && tally.claimed.fetch_add(1) >= options.most) return;
        pid_t child = 0;
        if (posix_spawn(&child, program.c_str(), nullptr, nullptr, argv, environ) != 0) {
            ++tally.refused;
            std::this_thread::yield();
            continue;
        }
        ++tally.spawned;
        int status = 0;
        while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
        }
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) ++tally.succeeded;
    }
}

void churn_threads(long per_second, Tally& tally) {
    timespec due{};
    clock_gettime(CLOCK_MONOTONIC, &due);
    while (!tally.stop) {
        std::thread([] {}).join();
        ++tally.threads;
        due.tv_nsec += 1'000'000'000L / per_second;
        if (due.tv_nsec >= 1'000'000'000L) {
            due.tv_nsec -= 1'000'000'000L;
            ++due.tv_sec;
        }
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, nullptr);
    }
}

// Until the time is over or standard input ends.
void wait_out(const Options& options) {
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    (void)poll(&input, 1, static_cast<int>(options.seconds * 1000));
}

} // namespace

int main(int argc, char** argv) {
    const Options options = options_from(argc, argv);
    nz::live_at_most(nz::default_life_s);
    nz::die_with(getppid());
    nz::say(R"({"event": "ready", "pid": %d})", getpid());
    std::string line;
    if (options.wait && !nz::read_line(line)) return 0;

    Tally tally;
    timespec begin{};
    timespec end{};
    clock_gettime(CLOCK_MONOTONIC, &begin);
    std::vector<std::thread> workers;
    for (long index = 0; index < options.workers; ++index)
        workers.emplace_back([&] { churn(options, tally); });
    std::thread threads;
    if (options.threads > 0) threads = std::thread([&] { churn_threads(options.threads, tally); });

    if (options.most > 0) {
        for (auto& worker : workers)
            worker.join();
        workers.clear();
    } else {
        wait_out(options);
    }
    tally.stop = true;
    for (auto& worker : workers)
        worker.join();
    if (threads.joinable()) threads.join();
    clock_gettime(CLOCK_MONOTONIC, &end);
    const double seconds =
        static_cast<double>(end.tv_sec - begin.tv_sec) + static_cast<double>(end.tv_nsec - begin.tv_nsec) / 1e9;
    nz::say(R"({"event": "done", "spawned": %ld, "succeeded": %ld, "refused": %ld, "threads": %ld, "seconds": %.3f})",
            tally.spawned.load(), tally.succeeded.load(), tally.refused.load(), tally.threads.load(), seconds);
    return 0;
}
