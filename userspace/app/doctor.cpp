#include "app/doctor.hpp"

#include "control/client.hpp"
#include "control/protocol.hpp"
#include "core/spec.hpp"
#include "io/clock.hpp"
#include "probe/features.hpp"
#include "probe/overhead.hpp"

#include <optional>
#include <ostream>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace nezuban {

namespace {

struct Findings {
    Features features;
    std::optional<OverheadReport> overhead;
    nlohmann::json daemon = nullptr; // its part of `status --json`; null: none answers
    std::vector<std::string> to_mend;
};

void ask_daemon(const DoctorOptions& options, Findings& findings) {
    auto answer = ask(options.socket, {.verb = Request::Verb::status}, 1s);
    if (!answer) {
        findings.to_mend.push_back("no daemon answers: " + answer.error().text);
        return;
    }
    auto status = nlohmann::json::parse(answer->json, nullptr, false);
    if (!status.is_object() || !status.contains("daemon")) return;
    findings.daemon = status["daemon"];
    if (findings.daemon.value("events_lost", 0) > 0)
        findings.to_mend.emplace_back("the daemon has lost events: raise daemon.ring_size");
    if (const auto history = findings.daemon.value("history", nlohmann::json::object()); !history.value("ok", true))
        findings.to_mend.emplace_back("the history can't be written: see `status`");
}

Findings examine(const DoctorOptions& options) {
    Findings findings{.features = probe_features()};
    if (auto able = require(findings.features); !able) {
        findings.to_mend.push_back(able.error().text);
        return findings;
    }
    const auto end = monotonic_now() + options.hold;
    auto overhead = measure_overhead(findings.features, DaemonSpec{}.ring_size, [&] { return monotonic_now() < end; });
    if (overhead) {
        findings.overhead = std::move(*overhead);
    } else {
        findings.to_mend.push_back(overhead.error().text);
    }
    ask_daemon(options, findings);
    return findings;
}

void print(const Findings& findings, std::ostream& out) {
    out << fmt::format("kernel {}\n", findings.features.kernel);
    for (const auto& feature : findings.features.all) {
        const char* mark = feature.present ? "yes" : (feature.required ? "NO" : "no");
        out << fmt::format("  {:<36} {:<4}{}\n", feature.name, mark, feature.present ? "" : feature.detail);
    }
    out << fmt::format("mode: {}\n", findings.overhead ? "bpf" : "none");
    if (findings.overhead) {
        out << "cost of one event, for every process of the machine (net: less an empty program on the same hook)\n";
        out << fmt::format("  {:<20} {:<22} {:>8} {:>10} {:>10}\n", "program", "hook", "runs", "gross ns", "net ns");
        for (const auto& one : findings.overhead->programs) {
            out << fmt::format("  {:<20} {:<22} {:>8} {:>10.0f} {:>10.0f}\n", one.program, one.hook, one.runs,
                               one.gross_ns, one.net_ns);
        }
        out << fmt::format("  {:<20} {:<22} {:>8} {:>10} {:>10}\n", "-", "sched_switch", "-", 0, 0);
        out << "  (a context switch costs nothing: no program is attached to it)\n";
        out << fmt::format("BPF maps: {:.1f} MiB\n", static_cast<double>(findings.overhead->map_bytes) / (1 << 20));
    }
    if (!findings.daemon.is_null()) {
        out << fmt::format("daemon: pid {}, {} events received, {} lost, {} resyncs\n", findings.daemon.value("pid", 0),
                           findings.daemon.value("events_received", 0ULL), findings.daemon.value("events_lost", 0ULL),
                           findings.daemon.value("resyncs", 0ULL));
    }
    for (const auto& line : findings.to_mend) {
        out << "to mend: " << line << '\n';
    }
    if (findings.to_mend.empty()) out << "nothing to mend\n";
}

void print_json(const Findings& findings, std::ostream& out) {
    auto features = nlohmann::json::array();
    for (const auto& feature : findings.features.all) {
        features.push_back({{"name", feature.name},
                            {"present", feature.present},
                            {"required", feature.required},
                            {"detail", feature.detail}});
    }
    auto programs = nlohmann::json::array();
    if (findings.overhead) {
        for (const auto& one : findings.overhead->programs) {
            programs.push_back({{"program", one.program},
                                {"hook", one.hook},
                                {"runs", one.runs},
                                {"gross_ns", one.gross_ns},
                                {"net_ns", one.net_ns}});
        }
    }
    const nlohmann::json all{{"kernel", findings.features.kernel},
                             {"mode", findings.overhead ? "bpf" : "none"},
                             {"features", std::move(features)},
                             {"programs", std::move(programs)},
                             {"sched_switch_ns", 0},
                             {"map_bytes", findings.overhead ? findings.overhead->map_bytes : 0},
                             {"daemon", findings.daemon},
                             {"to_mend", findings.to_mend}};
    out << all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

} // namespace

int run_doctor(const DoctorOptions& options, std::ostream& out, std::ostream& /*err*/) {
    const auto findings = examine(options);
    options.json ? print_json(findings, out) : print(findings, out);
    if (!findings.overhead) return 4;
    return findings.to_mend.empty() ? 0 : 1;
}

} // namespace nezuban
