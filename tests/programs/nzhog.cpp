// Takes memory until it is killed or has its share, and holds it while standard input is open.
//
//   nzhog MIB
#include "nz.hpp"

#include <vector>

int main(int argc, char** argv) {
    nz::die_with(getppid());
    nz::live_at_most(nz::default_life_s);
    const long mib = nz::number_or_usage(argc > 1 ? argv[1] : nullptr, "nzhog MIB");
    // Chosen before everybody else.
    const int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    (void)!write(score, "1000", 4);
    close(score);
    nz::say(R"({"event": "ready", "pid": %d})", getpid());
    std::string line;
    if (!nz::read_line(line)) return 0;
    std::vector<std::vector<char>> blocks;
    for (long i = 0; i < mib; ++i)
        blocks.emplace_back(1UL << 20U, 'x');
    nz::say(R"({"event": "full", "mib": %ld})", mib);
    nz::wait_for_end_of_input();
    return 0;
}
