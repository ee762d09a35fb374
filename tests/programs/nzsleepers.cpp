// nzsleepers N [--name X] [--life SECONDS]: N idle children, all of which end when standard input does.
#include "nz.hpp"

#include <vector>

namespace {

constexpr const char* usage = "nzsleepers N [--name X] [--life SECONDS]   (N up to 25000)";

[[noreturn]] void sleep_until_killed(pid_t parent, const char* name) {
    nz::die_with(parent);
    nz::rename_to(name);
    for (;;)
        pause();
}

} // namespace

int main(int argc, char** argv) {
    const long wanted = nz::number_or_usage(argc > 1 ? argv[1] : nullptr, usage);
    const char* name = nullptr;
    long life = nz::default_life_s;
    for (int at = 2; at + 1 < argc; at += 2) {
        if (std::strcmp(argv[at], "--name") == 0) name = argv[at + 1];
        if (std::strcmp(argv[at], "--life") == 0) life = nz::number_or_usage(argv[at + 1], usage);
    }
    if (wanted > nz::most_children) nz::number_or_usage(nullptr, usage);
    nz::live_at_most(static_cast<unsigned>(life));
    nz::die_with(getppid());

    const pid_t self = getpid();
    std::vector<pid_t> children;
    while (static_cast<long>(children.size()) < wanted) {
        const pid_t child = fork();
        if (child < 0) nz::give_up("fork");
        if (child == 0) sleep_until_killed(self, name);
        children.push_back(child);
    }
    nz::say(R"({"event": "ready", "pid": %d, "count": %ld})", self, wanted);
    nz::wait_for_end_of_input();

    // Reaped here: orphans would stay zombies until somebody else finds the time.
    for (const pid_t child : children)
        kill(child, SIGKILL);
    for (const pid_t child : children)
        waitpid(child, nullptr, 0);
    nz::say(R"({"event": "done", "count": %ld})", wanted);
    return 0;
}
