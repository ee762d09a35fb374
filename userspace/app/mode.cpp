#include "app/mode.hpp"

#include <algorithm>

namespace nezuban {

namespace {

// A comparison walks every process: 0.9 µs each by BPF, 25 from /proc. Where events tell what happens it may take a
// thousandth of a core, so on a host of 20,000 processes it comes every 20 s instead of every second: what an event
// tells doesn't wait for it, and a loss asks for one at once. From /proc half a hundredth, for the connector tells
// less. Where it is all there is: four hundredths, every 12 s on such a host, and every second up to 1,600 processes.
constexpr int by_bpf = 1000;
constexpr int beside_connector = 200;
constexpr int alone = 25;

int share_of(Mode mode) {
    if (mode == Mode::polling) return alone;
    return mode == Mode::connector ? beside_connector : by_bpf;
}

} // namespace

std::vector<std::string> missing_in(Mode mode) {
    if (mode == Mode::connector)
        return {"who sent a signal, and whether it was for want of memory, is not known",
                "a process that ends before it can be looked up in /proc is not seen at all",
                "a move to another cgroup, and a kernel thread's name, are seen by the next comparison",
                "starts are known to a clock tick (10 ms)"};
    if (mode == Mode::polling)
        return {
            "births, ends and changes are seen by comparing the list of processes alone (daemon.reconcile, less often "
            "where there are many)",
            "how a process ended is not known, nor who fell first of those that are gone at the same comparison",
            "a process that lives from one comparison to the next is not seen at all",
            "starts are known to a clock tick (10 ms)"};
    return {};
}

Duration next_comparison_after(Mode mode, Duration every, Duration cost) {
    return std::max(every, cost * share_of(mode));
}

} // namespace nezuban
