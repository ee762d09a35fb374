// How what the daemon takes grows with rules, processes, values and threads: curves, each with its exponent. `engine`
// as an argument leaves the running daemon out, `quick` takes few samples.
#include "bench.hpp"
#include "cost_engine.hpp"
#include "cost_live.hpp"

#include <cstring>

using namespace nezuban;

int main(int argc, char** argv) {
    const auto given = [&](const char* word) {
        return std::any_of(argv + 1, argv + argc,
                           [&](const char* argument) { return std::strcmp(argument, word) == 0; });
    };
    const bool quick = given("quick");
    bench::EngineCost(quick ? 3 : 15).print();
    if (given("engine")) return 0;
    return bench::run_bench([&] { bench::LiveCost(quick).print(); });
}
