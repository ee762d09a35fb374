// How long somebody waits for `nezuban explain PID`, its start and the loading of its programs included: of a server
// that has nothing to do, and of a process with 5,000 threads.
#include "../support/hang.hpp"
#include "bench.hpp"
#include "host.hpp"
#include "many_threads.hpp"

#include <functional>

using namespace nezuban;

namespace {

constexpr int rounds = 25;
constexpr int many = 5000;
constexpr double bar_ms = 300;

double ask_about(pid_t pid, const std::string& socket, std::size_t threads) {
    const auto begin = bench::monotonic_ns();
    test::Child explain({test::nezuban_binary(), "explain", std::to_string(pid), "--json", "--socket", socket});
    const auto text = explain.read_rest();
    explain.wait();
    const double took = bench::ms_since(begin);
    const auto answer = nlohmann::json::parse(text);
    if (answer.at("threads").size() != threads) throw std::runtime_error("not all threads: " + text.substr(0, 400));
    return took;
}

void run() {
    const test::TempDir dir;
    const test::Actor server("nzstuck", {"idle-epoll"}, "nzb-server");
    const bench::ManyThreads threads(many);
    bench::Series of_server("an idle server", "ms");
    bench::Series of_threads(fmt::format("a process with {} threads", many), "ms");
    for (int round = -1; round < rounds; ++round) {
        const double one = ask_about(server.pid(), dir.file("none"), 1);
        const double other = ask_about(threads.pid(), dir.file("none"), many);
        if (round < 0) continue;
        of_server.add(one);
        of_threads.add(other);
    }
    bench::print_title("`nezuban explain PID`, until it has ended");
    for (const auto* series : {&of_server, &of_threads}) {
        bench::print(*series);
    }
    for (const auto* series : {&of_server, &of_threads})
        bench::print_bar("explain: " + series->name(), series->median(), "ms", bench::spread_of(*series), bar_ms);
}

} // namespace

int main() {
    return bench::run_bench(run);
}
