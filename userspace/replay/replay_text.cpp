#include "core/signal_names.hpp"
#include "core/words.hpp"
#include "replay/replay.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace nezuban {

namespace {

struct Words {
    std::string operator()(const RunCommand& run) const {
        return fmt::format("would run [{}] ({})", fmt::join(run.argv, " "), run.label);
    }
    std::string operator()(const EndCommand& end) const {
        return fmt::format("would end command {}", end.id);
    }
    std::string operator()(const Signal& signal) const {
        auto name = signal_name(signal.signal);
        if (name.starts_with("SIG")) name.erase(0, 3);
        return fmt::format("would send {} to {} (start {})", name, signal.id.pid, signal.id.start_ns);
    }
    std::string operator()(const Report& report) const {
        const auto& incident = report.incident;
        const auto& of = incident.rule.empty() ? incident.group : incident.rule;
        const auto who = of.empty() ? std::string{"daemon"} : of;
        const auto name = fmt::format("pid {}", incident.pid);
        const bool said = incident.pid == 0 || incident.reason.find(name) != std::string::npos;
        const auto pid = said ? std::string{} : fmt::format(" ({})", name);
        return fmt::format("{}: {}: {}{}", who, name_of(incident.happening), incident.reason, pid);
    }
    std::string operator()(const Quit& quit) const {
        return fmt::format("would exit with code {} ({})", quit.exit_code, quit.why);
    }
    // What only a running daemon has a use for.
    template <typename Other> std::string operator()(const Other& /*intent*/) const {
        return {};
    }
};

} // namespace

std::string replay_text(Duration since_start, const Intent& intent) {
    const auto words = std::visit(Words{}, intent);
    if (words.empty()) return {};
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since_start);
    return printable(fmt::format("+{}.{:09}  {}", seconds.count(), (since_start - seconds).count(), words));
}

} // namespace nezuban
