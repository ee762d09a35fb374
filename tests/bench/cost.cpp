// How what the daemon takes grows with rules, processes, values and threads: curves, each with its exponent. `engine`
// or `live` as an argument is one half of it, `quick` takes few samples.
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
    if (!given("live")) bench::EngineCost(quick ? 3 : 15).print();
    return given("engine") ? 0 : bench::run_bench([&] { bench::LiveCost(quick).print(); });
}
