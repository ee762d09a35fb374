// nzpingpong [--cpu N]: two processes that do nothing but hand a byte to each other through two pipes, both on one
// processor, so that each byte is a context switch.
//
// Commands, one a line; each is answered by one line:
//   run MS (at most 10,000): {"rounds": how many bytes came back, "ns": in how long}
// It ends with standard input. The other process has the pid "other".
#include "nz.hpp"

#include <algorithm>
#include <ctime>

#include <sched.h>

namespace {

constexpr long longest_run_ms = 10'000;
constexpr int rounds_at_a_time = 64; // between two looks at the clock

long long now_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

void stay_on(long cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<std::size_t>(cpu), &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) nz::give_up("sched_setaffinity");
}

[[noreturn]] void return_bytes(pid_t parent, int from, int to) {
    nz::die_with(parent);
    char byte = 0;
    while (read(from, &byte, 1) == 1 && write(to, &byte, 1) == 1) {
    }
    _exit(0);
}

void run(long ms, int to, int from) {
    const long long begin = now_ns();
    const long long end = begin + std::min(ms, longest_run_ms) * 1'000'000;
    long long rounds = 0;
    long long now = begin;
    for (; now < end; now = now_ns()) {
        for (int each = 0; each < rounds_at_a_time; ++each) {
            char byte = 'p';
            if (write(to, &byte, 1) != 1 || read(from, &byte, 1) != 1) nz::give_up("handing a byte over");
        }
        rounds += rounds_at_a_time;
    }
    nz::say(R"({"event": "ran", "rounds": %lld, "ns": %lld})", rounds, now - begin);
}

} // namespace

int main(int argc, char** argv) {
    nz::live_at_most(nz::longest_life_s);
    nz::die_with(getppid());
    if (argc == 3 && std::strcmp(argv[1], "--cpu") == 0) stay_on(nz::number_or_usage(argv[2], "nzpingpong [--cpu N]"));

    const pid_t self = getpid();
    int there[2];
    int back[2];
    if (pipe2(there, O_CLOEXEC) != 0 || pipe2(back, O_CLOEXEC) != 0) nz::give_up("pipe");
    const pid_t other = fork();
    if (other < 0) nz::give_up("fork");
    if (other == 0) {
        close(there[1]);
        close(back[0]);
        return_bytes(self, there[0], back[1]);
    }
    nz::say(R"({"event": "ready", "pid": %d, "other": %d})", self, other);
    std::string line;
    std::string rest;
    while (nz::read_line(line)) {
        if (nz::is_command(line, "run", rest))
            run(nz::number_or_usage(rest.c_str(), "run MS"), there[1], back[0]);
        else
            nz::say(R"({"event": "error", "what": "%s"})", nz::quoted(line).c_str());
    }
    kill(other, SIGKILL);
    waitpid(other, nullptr, 0);
    return 0;
}
