#include "config/checks.hpp"

#include "config/patterns.hpp"
#include "config/units.hpp"
#include "core/words.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include <fmt/format.h>

namespace nezuban {

namespace {

constexpr std::array<std::string_view, 8> selecting{"match.comm", "match.exe",   "match.args",   "match.args_regex",
                                                    "match.user", "match.group", "match.cgroup", "match.unit"};

// Keys that come to a rule from [defaults] and fit nothing there do no harm; only what the rule itself says must make
// sense. What is missing is missing, whoever asked for it.
class Check {
public:
    Check(const RuleDraft& rule, Complaints& complaints)
        : rule_(rule), spec_(rule.value), shown_(shown_rule(rule.value)), complaints_(complaints) {}

    void match() const {
        const auto& match = spec_.match;
        if (rule_.broken("match.any") || rule_.broken("match.kernel_thread")) return;
        if (match.comm && !rule_.broken("match.comm")) {
            if (auto wrong = wrong_comm(*match.comm, match.kernel_thread); !wrong.text.empty())
                error("match.comm", "match.comm: " + wrong.text, std::move(wrong.hint));
        }
        const auto given = [&](std::string_view path) { return rule_.find(path) != nullptr; };
        const auto* other = std::ranges::find_if(selecting, given);
        if (match.any && other != selecting.end()) {
            error(rule_.own("match.any") || !rule_.own(*other) ? "match.any" : *other,
                  fmt::format("match.any excludes {}", *other),
                  "either every process, or those that the other keys say");
        }
        if (!match.any && !match.kernel_thread && other == selecting.end() && !doubtful("match")) {
            complaints_.error(rule_.place, fmt::format("{} has no match key: it would never match", shown_),
                              "add match.comm or match.exe; match.any = true means every process");
        }
        if (given("match.unit") && given("match.cgroup")) {
            error(rule_.own("match.unit") || !rule_.own("match.cgroup") ? "match.unit" : "match.cgroup",
                  "match.unit excludes match.cgroup", "match.unit is short for a component of match.cgroup");
        }
        if (!match.kernel_thread) return;
        for (const std::string_view path : {"match.exe", "match.args", "match.args_regex"}) {
            if (given(path)) {
                error(path, fmt::format("{} never matches a kernel thread: it has no program and no arguments", path),
                      "match.comm takes its name");
            }
        }
    }

    void count() const {
        const auto& count = spec_.count;
        const bool limits_known = !rule_.broken("count.min") && !rule_.broken("count.max");
        if (limits_known && count.max && count.min > *count.max) {
            const auto* const defaulted = rule_.find("count.min") == nullptr ? ", its default," : "";
            error(rule_.own("count.max") || !rule_.own("count.min") ? "count.max" : "count.min",
                  fmt::format("count.min ({}){} is more than count.max ({})", count.min, defaulted, *count.max),
                  *count.max == 0 ? "add count.min = 0: none may run" : "");
        }
        if (rule_.broken("count.over")) return;
        const bool limited = count.max.has_value() || doubtful("count");
        if (count.over != Over::report && !limited && rule_.own("count.over")) {
            error("count.over", "count.over never acts: there is no count.max", "add count.max");
        }
        const bool acts = limited || rule_.own("count.over");
        const bool commanded = !count.over_command.empty() || doubtful("count");
        if (count.over == Over::run && acts && !commanded) {
            error("count.over", "count.over = \"run\" has nothing to run", "add count.over_command = [...]");
        }
        if (count.over != Over::run && rule_.meant("count.over_command")) {
            error("count.over_command", "count.over_command is never run", "add count.over = \"run\"");
        }
        if (count.over == Over::stop_newest && limited && spec_.match.kernel_thread) {
            error("count.over", "kernel threads cannot be ended", "count.over = \"report\", \"restart\" or \"run\"");
        }
        if (count.over == Over::stop_newest && limited && spec_.match.any && !count.per) {
            error("count.over", "the newest of all processes would be ended, whatever they are",
                  "add count.per, or name the processes");
        }
        if (count.over == Over::restart && acts) needs_restart("count.over");
    }

    void hang() const {
        if (!rule_.broken("hang.action") && spec_.hang.action == HangAction::restart) needs_restart("hang.action");
        if (rule_.meant("hang.heartbeat_file") && !spec_.hang.heartbeat && !rule_.broken("hang.heartbeat")) {
            error("hang.heartbeat_file", "hang.heartbeat_file is never looked at", "add hang.heartbeat = \"1m\"");
        }
    }

    // Nobody but the kernel ends a kernel thread: a signal is nothing to it, and nezuban sends it none.
    void kernel_thread() const {
        if (!spec_.match.kernel_thread) return;
        const auto& restart = spec_.restart;
        if (rule_.meant("restart.signal"))
            error("restart.signal", "restart.signal is never sent: kernel threads are not signalled",
                  "restart.command, or restart.stop and restart.start, has them ended");
        if (!restart.start.empty() && restart.stop.empty() && !doubtful("restart"))
            error("restart.start", "restart.start without restart.stop would start kernel threads beside the old ones",
                  "add restart.stop = [...], or use restart.command");
        for (const auto& [path, sleeping] :
             {std::pair("hang.stopped", spec_.hang.stopped), std::pair("hang.lock_wait", spec_.hang.lock_wait),
              std::pair("hang.unserved", spec_.hang.unserved), std::pair("hang.spinning", spec_.hang.spinning)}) {
            if (rule_.meant(path) && sleeping)
                warning(path, fmt::format("{} is never found of a kernel thread", path),
                        "hang.uninterruptible and hang.silent are");
        }
    }

    void restart() const {
        const auto& restart = spec_.restart;
        for (const std::string_view path : {"restart.stop", "restart.start"}) {
            if (!restart.command.empty() && rule_.find(path) != nullptr) {
                error(rule_.own(path) || !rule_.own("restart.command") ? path : "restart.command",
                      fmt::format("restart.command excludes {}", path), "either one command, or stop and start");
            }
        }
        if (!restart.stop.empty() && !restart.possible() && !doubtful("restart")) {
            error("restart.stop", "restart.stop without restart.start would only end it", "add restart.start = [...]");
        }
        const bool delays_known = !rule_.broken("restart.delay") && !rule_.broken("restart.delay_max");
        if (delays_known && restart.delay > restart.delay_max) {
            error(rule_.own("restart.delay") || !rule_.own("restart.delay_max") ? "restart.delay" : "restart.delay_max",
                  fmt::format("restart.delay ({}) is more than restart.delay_max ({})", write_duration(restart.delay),
                              write_duration(restart.delay_max)),
                  "raise restart.delay_max");
        }
    }

    void ready() const {
        std::string_view first;
        for (const auto path : ready_ways) {
            if (rule_.find(path) == nullptr) continue;
            if (!first.empty())
                error(path, fmt::format("{} excludes {}", first, path), "one of them says when it is ready");
            first = first.empty() ? path : first;
        }
        if (!first.empty() && rule_.own(first) && !spec_.restart.possible() && !doubtful("restart"))
            warning(first, fmt::format("{} is never asked: only after a restart, and there is none", first),
                    "add restart.command = [...]");
        for (const std::string_view path : {"ready.every", "ready.timeout"}) {
            if (first.empty() && rule_.meant(path) && !doubtful("ready"))
                warning(path, fmt::format("{} is never used", path), "add ready.tcp, ready.http or ready.command");
        }
    }

    void escalate() const {
        const auto& escalate = spec_.escalate;
        if (rule_.broken("escalate.action")) return;
        if (escalate.action == EscalateAction::run && rule_.find("escalate.command") == nullptr
            && !doubtful("escalate")) {
            error("escalate.action", "escalate.action = \"run\" has nothing to run", "add escalate.command = [...]");
        }
        if (escalate.action != EscalateAction::run && rule_.meant("escalate.command")) {
            warning("escalate.command", "escalate.command is never run", "add escalate.action = \"run\"");
        }
        if (escalate.action != EscalateAction::exit && rule_.meant("escalate.exit_code")) {
            warning("escalate.exit_code", "escalate.exit_code is never used", "add escalate.action = \"exit\"");
        }
    }

private:
    [[nodiscard]] bool doubtful(std::string_view table) const {
        return rule_.doubtful.contains(table);
    }

    void error(std::string_view path, const std::string& text, std::string hint) const {
        complaints_.error(rule_.at(path), fmt::format("{}: {}", shown_, text), std::move(hint));
    }

    void warning(std::string_view path, const std::string& text, std::string hint) const {
        complaints_.warning(rule_.at(path), fmt::format("{}: {}", shown_, text), std::move(hint));
    }

    void needs_restart(std::string_view path) const {
        const bool known = spec_.restart.possible() || doubtful("restart");
        if (!known) error(path, fmt::format("{} = \"restart\" has no command", path), "add restart.command = [...]");
    }

    const RuleDraft& rule_;
    const RuleSpec& spec_;
    std::string shown_;
    Complaints& complaints_;
};

} // namespace

std::string shown_rule(const RuleSpec& rule) {
    return rule.name.empty() ? "this rule" : fmt::format("rule {}", quoted(rule.name));
}

void check_rule(const RuleDraft& rule, Complaints& complaints) {
    const Check check(rule, complaints);
    check.match();
    check.count();
    check.hang();
    check.ready();
    check.kernel_thread();
    check.restart();
    check.escalate();
}

} // namespace nezuban
