// A process that normally ticks, and does what it is told to between two ticks.
//
//   nzticker [--every MS] [--pair] [--idle N]
//
//   --every MS  a tick each so many milliseconds (20)
//   --pair      two threads take turns: each ticks half as often, the process as often
//   --idle N    so many more threads (at most 1,000), which do nothing
//
// Commands, one a line; each is answered by one line:
//   pause MS (no thread ticks)   longest (the longest time without a tick until now, pauses apart, by its own clock)
//   spin (says so, then burns its processor without any system call until SIGUSR1, then answers)
//   burn (likewise, with a look at the clock all the time: what takes it off its processor is seen by `longest`)
// It ends with standard input.
#include "await.hpp"
#include "nz.hpp"

#include <algorithm>
#include <atomic>
#include <ctime>

#include <poll.h>
#include <pthread.h>

namespace {

constexpr long most_idle = 1000;

std::atomic<long long> last_sign{0}; // of life, of either thread
std::atomic<long long> longest{0};
std::atomic<bool> pausing{false};
std::atomic<bool> spinning{false};
pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

long long now_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

void sign_of_life() {
    const long long now = now_ns();
    const long long gap = now - last_sign.exchange(now);
    long long known = longest.load();
    while (!pausing && gap > known && !longest.compare_exchange_weak(known, gap)) {
    }
}

void sleep_ms(long ms) {
    timespec left{.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1'000'000};
    while (nanosleep(&left, &left) != 0) {
    }
}

[[noreturn]] void* tick_beside(void* every) {
    for (;;) {
        sign_of_life();
        sleep_ms(*static_cast<long*>(every));
        pthread_mutex_lock(&turn); // held during a pause
        sign_of_life();
        pthread_mutex_unlock(&turn);
    }
}

[[noreturn]] void* do_nothing(void* self) {
    auto& tid = *static_cast<std::atomic<pid_t>*>(self);
    tid = gettid();
    tid.notify_one();
    for (;;)
        pause();
}

// Asleep when this returns: one that has yet to come to its pause() is a sign of life of its own.
void start_idle_thread() {
    std::atomic<pid_t> tid{0};
    pthread_t thread{};
    if (pthread_create(&thread, nullptr, do_nothing, &tid) != 0) nz::give_up("pthread_create");
    tid.wait(0);
    nz::await_state(getpid(), tid, 'S');
}

void pause_for(long ms) {
    pthread_mutex_lock(&turn);
    pausing = true;
    const long long begin = now_ns();
    sleep_ms(ms);
    const long long gap = now_ns() - begin;
    last_sign = now_ns();
    pausing = false;
    pthread_mutex_unlock(&turn);
    nz::say(R"({"event": "paused", "us": %lld})", gap / 1000);
}

void spin(bool with_clock) {
    spinning = true;
    nz::say(R"({"event": "spinning"})");
    while (spinning.load(std::memory_order_relaxed)) {
        if (with_clock) sign_of_life();
    }
    last_sign = now_ns();
    nz::say(R"({"event": "spun"})");
}

void serve(long every) {
    std::string line;
    std::string rest;
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    for (;;) {
        sign_of_life();
        const int ready = poll(&input, 1, static_cast<int>(every));
        sign_of_life();
        if (ready <= 0) continue;
        if (!nz::read_line(line)) return;
        if (nz::is_command(line, "pause", rest)) {
            pause_for(nz::number_or_usage(rest.c_str(), "pause MS"));
        } else if (nz::is_command(line, "longest", rest)) {
            nz::say(R"({"event": "longest", "us": %lld})", longest.load() / 1000);
        } else if (nz::is_command(line, "spin", rest)) {
            spin(false);
        } else if (nz::is_command(line, "burn", rest)) {
            spin(true);
        } else {
            nz::say(R"({"event": "error", "what": "%s"})", nz::quoted(line).c_str());
        }
    }
}

} // namespace

int main(int argc, char** argv) {
    long every = 20;
    bool pair = false;
    long idle = 0;
    for (int at = 1; at < argc; ++at) {
        const std::string word = argv[at];
        if (word == "--every" && at + 1 < argc) every = nz::number_or_usage(argv[++at], "--every MS");
        if (word == "--pair") pair = true;
        if (word == "--idle" && at + 1 < argc) idle = nz::number_or_usage(argv[++at], "--idle N");
    }
    nz::die_with(getppid());
    nz::live_at_most(nz::default_life_s);
    std::signal(SIGUSR1, [](int) { spinning = false; });

    last_sign = now_ns();
    static long each = pair ? 2 * every : every;
    if (pair) {
        pthread_t thread{};
        if (pthread_create(&thread, nullptr, tick_beside, &each) != 0) nz::give_up("pthread_create");
        sleep_ms(every);
    }
    for (long each_idle = 0; each_idle < std::min(idle, most_idle); ++each_idle)
        start_idle_thread();
    nz::say(R"({"event": "ready", "pid": %d})", getpid());
    serve(each);
    return 0;
}
