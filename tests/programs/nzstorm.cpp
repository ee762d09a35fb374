// A fork storm with an end.
//
//   nzstorm N [--name X] [--exec [PATH]] [--rate PER_SECOND] [--life SECONDS] [--wait]
//
// Forks N children (at most 25000) as fast as it can, or at the rate; when standard input ends, all are gone.
// With --exec each becomes another program (nzsleep, or PATH called with the name as its argument). With --wait the
// storm begins at the first line of standard input. Children that somebody kills meanwhile are reaped at once and
// counted; peak is the highest number not yet reaped, never less than were really alive.
#include "nz.hpp"

#include <ctime>
#include <unordered_set>

#include <poll.h>
#include <sched.h>

namespace {

constexpr const char* usage = "nzstorm N [--name X] [--exec [PATH]] [--rate PER_SECOND] [--life SECONDS] [--wait]";

volatile std::sig_atomic_t child_ended = 0;

struct Options {
    long wanted = 0;
    const char* name = nullptr;
    std::string program; // empty: no exec
    long rate = 0;       // zero: as fast as it can
    long life = nz::default_life_s;
    bool wait = false;
};

struct Tally {
    long forked = 0;
    long refused = 0; // forks that failed
    long reaped = 0;
    long peak = 0;
    std::unordered_set<pid_t> alive;
};

Options options_from(int argc, char** argv) {
    Options options;
    options.wanted = nz::number_or_usage(argc > 1 ? argv[1] : nullptr, usage);
    if (options.wanted > nz::most_children) nz::number_or_usage(nullptr, usage);
    for (int at = 2; at < argc; ++at) {
        const std::string word = argv[at];
        const char* value = at + 1 < argc ? argv[at + 1] : nullptr;
        if (word == "--wait") {
            options.wait = true;
        } else if (word == "--exec") {
            const bool given = value != nullptr && *value == '/';
            options.program = given ? value : nz::sibling("nzsleep");
            at += given ? 1 : 0;
        } else if (word == "--name" && value != nullptr) {
            options.name = argv[++at];
        } else if (word == "--rate") {
            options.rate = nz::number_or_usage(argv[++at], usage);
        } else if (word == "--life") {
            options.life = nz::number_or_usage(argv[++at], usage);
        } else {
            nz::number_or_usage(nullptr, usage);
        }
    }
    return options;
}

[[noreturn]] void be_child(const Options& options, pid_t parent) {
    nz::die_with(parent);
    std::signal(SIGCHLD, SIG_DFL);
    nz::rename_to(options.name);
    if (!options.program.empty()) {
        execl(options.program.c_str(), options.program.c_str(), options.name, static_cast<char*>(nullptr));
        _exit(127);
    }
    for (;;)
        pause();
}

void reap(Tally& tally) {
    while (child_ended != 0) {
        child_ended = 0;
        for (pid_t child = 0; (child = waitpid(-1, nullptr, WNOHANG)) > 0; ++tally.reaped)
            tally.alive.erase(child);
    }
}

// Waits until the given number of forks is due.
void keep_pace(const timespec& begin, long forked, long rate) {
    timespec due = begin;
    due.tv_sec += forked / rate;
    due.tv_nsec += forked % rate * 1'000'000'000L / rate;
    if (due.tv_nsec >= 1'000'000'000L) {
        due.tv_nsec -= 1'000'000'000L;
        ++due.tv_sec;
    }
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, nullptr);
}

void storm(const Options& options, Tally& tally) {
    constexpr long most_refusals = 10'000;
    const pid_t self = getpid();
    timespec begin{};
    clock_gettime(CLOCK_MONOTONIC, &begin);
    while (tally.forked < options.wanted && tally.refused < most_refusals) {
        if (options.rate > 0) keep_pace(begin, tally.forked, options.rate);
        const pid_t child = fork();
        if (child == 0) be_child(options, self);
        if (child < 0) {
            ++tally.refused;
            sched_yield();
        } else {
            ++tally.forked;
            tally.alive.insert(child);
        }
        reap(tally);
        if (tally.forked - tally.reaped > tally.peak) tally.peak = tally.forked - tally.reaped;
    }
}

void report(const char* event, const Tally& tally) {
    nz::say(R"({"event": "%s", "forked": %ld, "refused": %ld, "reaped": %ld, "peak": %ld})", event, tally.forked,
            tally.refused, tally.reaped, tally.peak);
}

// Reaps until standard input ends. Any line on it is answered with the tally.
void tend(Tally& tally, const sigset_t& while_waiting) {
    std::string line;
    for (;;) {
        pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
        const int ready = ppoll(&input, 1, nullptr, &while_waiting);
        reap(tally);
        if (ready <= 0) continue;
        if (!nz::read_line(line)) return;
        report("tally", tally);
    }
}

} // namespace

int main(int argc, char** argv) {
    const Options options = options_from(argc, argv);
    nz::live_at_most(static_cast<unsigned>(options.life));
    nz::die_with(getppid());

    struct sigaction action{};
    action.sa_handler = [](int) { child_ended = 1; };
    action.sa_flags = SA_RESTART | SA_NOCLDSTOP;
    sigaction(SIGCHLD, &action, nullptr);

    nz::say(R"({"event": "ready", "pid": %d})", getpid());
    std::string line;
    if (options.wait && !nz::read_line(line)) return 0;

    Tally tally;
    storm(options, tally);
    report("forked", tally);

    sigset_t blocked;
    sigset_t before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    tend(tally, before);

    for (const pid_t child : tally.alive)
        kill(child, SIGKILL);
    while (waitpid(-1, nullptr, 0) > 0)
        ++tally.reaped;
    report("done", tally);
    return 0;
}
