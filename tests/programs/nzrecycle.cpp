// One pid, two processes, one after the other.
//
//   nzrecycle [--name X] [--second-name Y] [--namespace] [--at-once]
//
// Starts a first child and says its pid; at a line on standard input (or at once) it kills and reaps it, turns the
// kernel's pid counter back and forks until a second child has the same pid. Both wait until they are killed or
// standard input ends. With --namespace it happens inside a pid namespace of its own: there the pid comes back for
// certain, while outside both have pids that differ.
#include "nz.hpp"

#include <fcntl.h>
#include <sched.h>

namespace {

constexpr int most_tries = 2000;

struct Options {
    const char* name = nullptr;
    const char* second_name = nullptr;
    bool own_namespace = false;
    bool at_once = false;
};

void end(pid_t child) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
}

// The next pid to be tried is the one after the last.
void turn_back_to(pid_t wanted) {
    const int file = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
    char text[16];
    const int length = std::snprintf(text, sizeof text, "%d", wanted - 1);
    if (file < 0 || write(file, text, static_cast<std::size_t>(length)) != length) nz::give_up("writing ns_last_pid");
    close(file);
}

int recycle(const Options& options) {
    const pid_t first = nz::fork_waiting(options.name);
    nz::say(R"({"event": "first", "pid": %d})", first);
    std::string line;
    if (!options.at_once && !nz::read_line(line)) return 0;
    end(first);
    for (int tries = 1; tries <= most_tries; ++tries) {
        turn_back_to(first);
        const pid_t second = nz::fork_waiting(options.second_name);
        if (second != first) { // somebody else was faster
            end(second);
            continue;
        }
        nz::say(R"({"event": "recycled", "pid": %d, "tries": %d})", second, tries);
        nz::wait_for_end_of_input();
        end(second);
        return 0;
    }
    nz::say(R"({"event": "gave-up", "tries": %d})", most_tries);
    return 1;
}

} // namespace

int main(int argc, char** argv) {
    Options options;
    for (int at = 1; at < argc; ++at) {
        const std::string word = argv[at];
        const bool last = at + 1 == argc;
        if (word == "--name" && !last) options.name = argv[++at];
        if (word == "--second-name" && !last) options.second_name = argv[++at];
        if (word == "--namespace") options.own_namespace = true;
        if (word == "--at-once") options.at_once = true;
    }
    nz::live_at_most(nz::default_life_s);
    nz::die_with(getppid());
    if (!options.own_namespace) return recycle(options);

    if (unshare(CLONE_NEWPID) != 0) nz::give_up("unshare");
    const pid_t init = fork();
    if (init < 0) nz::give_up("fork");
    if (init == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); // the parent has no pid here, it can't be compared
        std::exit(recycle(options));
    }
    int status = 0;
    waitpid(init, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
