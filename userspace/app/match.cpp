#include "app/match.hpp"

#include "app/configuration.hpp"
#include "app/enrich.hpp"
#include "app/task_list.hpp"
#include "core/json_words.hpp"
#include "core/words.hpp"
#include "engine/engine.hpp"
#include "io/clock.hpp"
#include "io/users.hpp"
#include "probe/features.hpp"

#include <algorithm>
#include <cstddef>
#include <ostream>
#include <ranges>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace nezuban {

namespace {

std::vector<std::string> arguments_of(const Process& process) {
    std::vector<std::string> arguments;
    if (!process.args) return arguments;
    std::size_t at = 0;
    while (at < process.args->size()) {
        auto end = process.args->find('\0', at);
        if (end == std::string::npos) end = process.args->size();
        arguments.push_back(process.args->substr(at, end - at));
        at = end + 1;
    }
    return arguments;
}

// The keys that all had to hold, as written.
std::vector<std::string> reasons(const MatchSpec& match) {
    std::vector<std::string> keys;
    if (match.any) keys.emplace_back("any process");
    if (match.kernel_thread) keys.emplace_back("kernel thread");
    if (match.comm) keys.push_back((match.kernel_thread ? "comm ~ " : "comm = ") + *match.comm);
    if (match.exe) keys.push_back("exe ~ " + *match.exe);
    if (!match.args.empty()) keys.push_back(fmt::format("args has {}", fmt::join(match.args, ", ")));
    if (match.args_regex) keys.push_back("args ~ " + *match.args_regex);
    if (match.user) keys.push_back(fmt::format("user = {} ({})", match.user->text, match.user->id));
    if (match.group) keys.push_back(fmt::format("group = {} ({})", match.group->text, match.group->id));
    if (match.cgroup) keys.push_back("cgroup ~ " + *match.cgroup);
    if (match.unit) keys.push_back("unit = " + *match.unit);
    return keys;
}

std::string limits(const RuleSpec& rule) {
    const auto max = rule.count.max ? std::to_string(*rule.count.max) : "any number";
    return fmt::format("{} to {}{}", rule.count.min, max, rule.count.per ? " of each" : "");
}

Result<void> take_snapshot(Engine& engine, const Features& features) {
    auto list = TaskList::open(features);
    if (!list) return std::unexpected(list.error());
    Enricher enricher;
    Intents ignored;
    const auto now = monotonic_now();
    engine.handle(SnapshotBegan{}, now, ignored);
    const auto take = [&](SnapshotTask task) {
        Event event = std::move(task);
        auto needs = engine.needs_of(event);
        needs.args = true; // for showing; the rest only where a rule asks
        enricher.enrich(event, needs);
        engine.handle(event, now, ignored);
    };
    if (auto read = list->read(take); !read) return read;
    engine.handle(SnapshotEnded{.complete = true}, now, ignored);
    return {};
}

nlohmann::json as_json(const RuleSpec& rule, const std::vector<Process>& processes, UserNames& users) {
    auto list = nlohmann::json::array();
    for (const auto& process : processes) {
        list.push_back({{"pid", process.id.pid},
                        {"start_time_ns", process.id.start_ns},
                        {"comm", process.shown_name()},
                        {"user", users.of(process.uid)},
                        {"args", arguments_of(process)},
                        {"exe", process.exe ? nlohmann::json(*process.exe) : nlohmann::json(nullptr)}});
    }
    return {{"name", rule.name},
            {"count", processes.size()},
            {"min", rule.count.min},
            {"max", rule.count.max ? nlohmann::json(*rule.count.max) : nlohmann::json(nullptr)},
            {"why", reasons(rule.match)},
            {"processes", std::move(list)}};
}

void print(const RuleSpec& rule, const std::vector<Process>& processes, UserNames& users, std::ostream& out) {
    constexpr std::size_t shown = 50;
    const bool few = processes.size() < rule.count.min;
    const bool many = !rule.count.per && rule.count.max && processes.size() > *rule.count.max;
    out << fmt::format("{}: {} running, {} wanted{}; {}\n", rule.name, processes.size(), limits(rule),
                       few ? ": UNDER" : (many ? ": OVER" : ""), fmt::join(reasons(rule.match), ", "));
    for (const auto& process : processes | std::views::take(shown)) {
        const auto line = printable(fmt::format("{}", fmt::join(arguments_of(process), " ")));
        out << fmt::format("  {:>8} {:<15} {:<12} {}\n", process.id.pid, printable(process.shown_name()),
                           users.of(process.uid), beginning(line, 100));
    }
    if (processes.size() > shown) out << fmt::format("  ... and {} more\n", processes.size() - shown);
}

} // namespace

int run_match(const MatchOptions& options, std::ostream& out, std::ostream& err) {
    auto spec = read_configuration(options.config, err);
    if (!spec) return 2;
    auto rules = select_rules(std::move(spec->rules), options.rules);
    if (!rules) {
        err << "nezuban: " << rules.error().text << '\n';
        return 1;
    }
    Engine engine({}, *rules, {}, {});
    if (auto taken = take_snapshot(engine, probe_features(options.without)); !taken) {
        err << "nezuban: " << taken.error().text << '\n';
        return 4;
    }
    UserNames users;
    const auto matches = engine.matches();
    auto list = nlohmann::json::array();
    for (std::size_t i = 0; i < rules->size(); ++i) {
        if (options.json) {
            list.push_back(as_json((*rules)[i], matches[i], users));
        } else {
            print((*rules)[i], matches[i], users, out);
        }
    }
    if (options.json)
        out << harmless_json(
            nlohmann::json{{"rules", std::move(list)}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace))
            << '\n';
    return 0;
}

} // namespace nezuban
