#include "replay/replay.hpp"

#include "app/configuration.hpp"
#include "cli/verbs.hpp"
#include "report/incident_json.hpp"

#include <fstream>
#include <ostream>

#include <fmt/format.h>

namespace nezuban {

int run_replay(const Options& options, std::ostream& out, std::ostream& err) {
    auto spec = read_configuration(options.config, err);
    if (!spec) return exit_usage;
    std::ifstream record(options.file, std::ios::binary);
    if (!record) {
        err << fmt::format("nezuban: can't read {}\n", options.file);
        return exit_refused;
    }

    Engine engine({}, std::move(spec->rules), std::move(spec->groups), {});
    ClockPair start;
    const auto tell = [&](Time time, const Intent& intent) {
        if (!options.json) {
            const auto line = replay_text(time - start.monotonic, intent);
            if (!line.empty()) out << line << '\n';
        } else if (const auto* report = std::get_if<Report>(&intent)) {
            out << to_json(report->incident, start) << '\n';
        }
    };
    const auto summary = replay(record, engine,
                                {.begin = [&](const ClockPair& clocks) { start = clocks; },
                                 .intent = tell,
                                 .broken =
                                     [&](std::uint64_t line, const std::string& why) {
                                         err << fmt::format("{}:{}: warning: left out: {}\n", options.file, line, why);
                                     }});
    out.flush();
    if (!summary) {
        err << fmt::format("nezuban: {}: {}\n", options.file, summary.error().text);
        return exit_refused;
    }
    err << fmt::format("{} events in {:.3f} s{}{}\n", summary->events, seconds_of(summary->length),
                       summary->broken == 0 ? "" : fmt::format(", {} lines left out", summary->broken),
                       summary->quit ? "; the daemon would have ended here" : "");
    return 0;
}

} // namespace nezuban
