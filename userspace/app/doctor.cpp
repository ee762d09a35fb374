#include "app/doctor.hpp"

#include "app/configuration.hpp"
#include "app/doctor_scan.hpp"
#include "app/mode.hpp"
#include "control/client.hpp"
#include "control/protocol.hpp"
#include "core/json_words.hpp"
#include "core/spec.hpp"
#include "io/clock.hpp"
#include "probe/overhead.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <optional>
#include <ostream>
#include <sstream>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace nezuban {

namespace {

struct Findings {
    Features features;
    std::optional<OverheadReport> overhead;
    std::optional<ScanCost> scan;
    nlohmann::json daemon = nullptr;  // its part of `status --json`; null: none answers
    std::vector<std::string> missing; // for want of BPF
    std::vector<std::string> to_mend;

    [[nodiscard]] bool able() const {
        return features.mode != Mode::none && (overhead || features.mode != Mode::bpf);
    }
};

// What is wrong with a configuration is for `check` to say: without a good one all is as by default.
DaemonSpec settings_in(const std::string& config) {
    std::ostringstream unsaid;
    auto spec = read_configuration(config, unsaid);
    return spec ? std::move(spec->daemon) : DaemonSpec{};
}

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

void measure_look(Duration scan_every, Findings& findings) {
    if (auto scan = measure_scan(findings.features, scan_every)) {
        findings.scan = *scan;
        if (findings.overhead) findings.overhead->map_bytes += scan->map_bytes;
        if (!scan->sockets_seen) findings.to_mend.emplace_back("hang.unserved is not looked for: no socket scan");
    } else {
        findings.to_mend.push_back("hangs are not looked for: " + scan.error().text);
    }
}

// What this kernel can't do about hangs is left out by the daemon too; what to do about it is said.
void measure_hangs(const DoctorOptions& options, Duration scan_every, Findings& findings) {
    const auto begin_span = [&]() -> std::function<bool()> {
        return [end = monotonic_now() + options.hold / 6] { return monotonic_now() < end; };
    };
    if (auto stalls = measure_stall_overhead(findings.features, begin_span)) {
        std::ranges::move(stalls->programs, std::back_inserter(findings.overhead->programs));
        findings.overhead->map_bytes += stalls->map_bytes;
    } else {
        findings.to_mend.push_back("hang.silent is not watched, and the end of a stall is seen by the next scan only: "
                                   + stalls.error().text);
    }
    measure_look(scan_every, findings);
}

Findings examine(const DoctorOptions& options) {
    Findings findings{.features = probe_features(options.without)};
    if (auto able = require(findings.features); !able) {
        findings.to_mend.push_back(able.error().text);
        return findings;
    }
    const auto settings = settings_in(options.config);
    if (findings.features.mode != Mode::bpf) {
        findings.missing = missing_in(findings.features.mode);
        findings.to_mend.push_back(findings.features.why_not_bpf);
        measure_look(settings.scan, findings);
        ask_daemon(options, findings);
        return findings;
    }
    const auto end = monotonic_now() + options.hold / 2;
    auto overhead = measure_overhead(findings.features, settings.ring_size, [&] { return monotonic_now() < end; });
    if (overhead) {
        findings.overhead = std::move(*overhead);
        measure_hangs(options, settings.scan, findings);
    } else {
        findings.to_mend.push_back(overhead.error().text);
    }
    ask_daemon(options, findings);
    return findings;
}

double ms(Duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
}

void print_costs(const OverheadReport& overhead, std::ostream& out) {
    out << "cost of one event, for every process of the machine (net: less an empty program on the same hook)\n";
    out << fmt::format("  {:<20} {:<22} {:>8} {:>10} {:>10}  {}\n", "program", "hook", "runs", "gross ns", "net ns",
                       "attached only while");
    for (const auto& one : overhead.programs) {
        out << fmt::format("  {:<20} {:<22} {:>8} {:>10.0f} {:>10.0f}{}{}\n", one.program, one.hook, one.runs,
                           one.gross_ns, one.net_ns, one.when.empty() ? "" : "  ", one.when);
    }
    out << "  (context switches and system calls cost nothing: no program is attached to them unless a rule has "
           "hang.silent,\n"
           "  a thread seems to spin, or a hang was found and its end is waited for)\n";
}

void print_scan(const ScanCost& scan, std::ostream& out) {
    out << fmt::format("looking for hangs: {} threads in {:.2f} ms, every {:.1f} s; ", scan.of_threads,
                       ms(scan.threads), ms(scan.threads_every) / 1000);
    if (scan.sockets_seen)
        out << fmt::format("their sockets in {:.2f} ms, every {:.1f} s; ", ms(scan.sockets),
                           ms(scan.sockets_every) / 1000);
    out << fmt::format("{:.2g} % of a core\n", scan.share());
}

void print(const Findings& findings, std::ostream& out) {
    out << fmt::format("kernel {}\n", findings.features.kernel);
    for (const auto& feature : findings.features.all) {
        const char* mark = feature.present ? "yes" : (feature.required ? "NO" : "no");
        out << fmt::format("  {:<20} {:<36} {:<4}{}\n", feature.name, feature.title, mark,
                           feature.present ? "" : feature.detail);
    }
    out << fmt::format("mode: {}\n", name_of(findings.features.mode));
    for (const auto& line : findings.missing)
        out << "  " << line << '\n';
    if (findings.overhead) print_costs(*findings.overhead, out);
    if (findings.scan) print_scan(*findings.scan, out);
    if (findings.overhead)
        out << fmt::format("BPF maps: {:.1f} MiB\n", static_cast<double>(findings.overhead->map_bytes) / (1 << 20));
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

nlohmann::json json_of(const std::optional<ScanCost>& scan) {
    if (!scan) return nullptr;
    nlohmann::json json{{"threads", scan->of_threads},
                        {"thread_ms", ms(scan->threads)},
                        {"thread_every_s", ms(scan->threads_every) / 1000},
                        {"socket_ms", nullptr},
                        {"socket_every_s", nullptr},
                        {"share_percent", scan->share()}};
    if (scan->sockets_seen) {
        json["socket_ms"] = ms(scan->sockets);
        json["socket_every_s"] = ms(scan->sockets_every) / 1000;
    }
    return json;
}

void print_json(const Findings& findings, std::ostream& out) {
    auto features = nlohmann::json::array();
    for (const auto& feature : findings.features.all) {
        features.push_back({{"name", feature.name},
                            {"title", feature.title},
                            {"withheld", feature.withheld},
                            {"present", feature.present},
                            {"required", feature.required},
                            {"detail", feature.detail}});
    }
    auto programs = nlohmann::json::array();
    if (findings.overhead) {
        for (const auto& one : findings.overhead->programs) {
            programs.push_back({{"program", one.program},
                                {"hook", one.hook},
                                {"attached_while", one.when.empty() ? nlohmann::json() : nlohmann::json(one.when)},
                                {"runs", one.runs},
                                {"gross_ns", one.gross_ns},
                                {"net_ns", one.net_ns}});
        }
    }
    const nlohmann::json all{{"kernel", findings.features.kernel},
                             {"mode", name_of(findings.features.mode)},
                             {"missing", findings.missing},
                             {"features", std::move(features)},
                             {"programs", std::move(programs)},
                             {"wait_scan", json_of(findings.scan)},
                             {"map_bytes", findings.overhead ? findings.overhead->map_bytes : 0},
                             {"daemon", findings.daemon},
                             {"to_mend", findings.to_mend}};
    out << harmless_json(all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)) << '\n';
}

} // namespace

int run_doctor(const DoctorOptions& options, std::ostream& out, std::ostream& /*err*/) {
    const auto findings = examine(options);
    options.json ? print_json(findings, out) : print(findings, out);
    if (!findings.able()) return 4;
    return findings.to_mend.empty() ? 0 : 1;
}

} // namespace nezuban
