// A process that keeps every signal it gets, and says which at each line of standard input.
//
//   nzwitness NAME
#include "nz.hpp"

int main(int argc, char** argv) {
    nz::die_with(getppid());
    nz::live_at_most(nz::default_life_s);
    if (argc > 1) nz::rename_to(argv[1]);
    sigset_t kept;
    sigfillset(&kept);
    sigdelset(&kept, SIGALRM); // its own end
    sigprocmask(SIG_SETMASK, &kept, nullptr);
    nz::say(R"({"event": "ready", "pid": %d})", getpid());
    std::string line;
    while (nz::read_line(line)) {
        sigset_t pending;
        sigpending(&pending);
        int count = 0;
        int first = 0;
        for (int signal = SIGRTMAX; signal > 0; --signal) {
            if (sigismember(&pending, signal) != 1) continue;
            ++count;
            first = signal;
        }
        nz::say(R"({"event": "signals", "count": %d, "first": %d})", count, first);
    }
    return 0;
}
