// The baseline alone: how long it takes at least, on this machine, from a kill to the restart command running.
#include "bench.hpp"
#include "kill_to_command.hpp"

using namespace nezuban;

int main() {
    constexpr int rounds = 200;
    const test::TempDir dir;
    bench::Mark mark(dir.file("mark"));
    const bench::BareWatcher watcher(mark.command());
    bench::Series bare("bare pidfd watcher");
    for (int round = 0; round < rounds; ++round)
        bare.add(bench::measure_bare(watcher, mark));
    bench::print_title("kill -9 -> command running");
    bench::print(bare);
    return 0;
}
