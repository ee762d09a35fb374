// What each BPF program costs those whom it meets: `doctor`, five times.
#include "bench.hpp"
#include "host.hpp"

#include <map>

using namespace nezuban;

namespace {

constexpr int rounds = 5;

void run() {
    std::map<std::string, bench::Series> net;
    double maps = 0;
    for (int round = 0; round < rounds; ++round) {
        const test::TempDir dir;
        test::Child doctor({test::nezuban_binary(), "doctor", "--json", "--socket", dir.file("none")});
        const auto answer = nlohmann::json::parse(doctor.read_rest());
        doctor.wait();
        for (const auto& program : answer.at("programs")) {
            auto name = program.at("program").get<std::string>() + " (" + program.at("hook").get<std::string>();
            if (const auto& when = program.at("attached_while"); !when.is_null())
                name += ", while " + when.get<std::string>();
            name += ")";
            net.try_emplace(name, name, "ns").first->second.add(program.at("net_ns").get<double>());
        }
        maps = answer.at("map_bytes").get<double>() / (1 << 20);
    }
    bench::print_title("cost of one run, net of an empty program on the same hook");
    for (const auto& [name, series] : net)
        bench::print(series);
    fmt::print("{:<44} {:>6} {:>10} {:>10}\n", "none (sched_switch, while nobody is)", "-", "-", 0);
    fmt::print("BPF maps: {:.2f} MiB\n", maps);
}

} // namespace

int main() {
    return bench::run_bench(run);
}
