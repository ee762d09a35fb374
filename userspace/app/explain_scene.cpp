#include "app/explain_scene.hpp"

#include "app/enrich.hpp"
#include "app/sources.hpp"
#include "app/task_list.hpp"
#include "config/load.hpp"
#include "control/client.hpp"
#include "control/finding_json.hpp"
#include "io/clock.hpp"
#include "io/procfs.hpp"
#include "io/surroundings.hpp"
#include "rules/matcher.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <sstream>
#include <utility>

#include <nlohmann/json.hpp>

namespace nezuban {

namespace {

using Json = nlohmann::ordered_json;

Json relative_json(const Relative& relative) {
    return Json::array({relative.pid, relative.comm});
}

Relative relative_from(const Json& json) {
    return {.pid = json.at(0).get<std::uint32_t>(), .comm = json.at(1).get<std::string>()};
}

Json as_json(const Known& known) {
    const auto& around = known.around;
    Json children = Json::array();
    for (const auto& child : around.children)
        children.push_back(relative_json(child));
    Json listening = Json::array();
    for (const auto& socket : around.listening)
        listening.push_back(Json::array({socket.fd, socket.local}));
    return {{"pid", around.pid},
            {"comm", around.comm},
            {"args", around.args},
            {"parent", relative_json(around.parent)},
            {"children", std::move(children)},
            {"listening", std::move(listening)},
            {"rules", known.rules}};
}

Known known_from(const Json& json) {
    Known known;
    auto& around = known.around;
    around.pid = json.at("pid").get<std::uint32_t>();
    around.comm = json.at("comm").get<std::string>();
    around.args = json.at("args").get<std::string>();
    around.parent = relative_from(json.at("parent"));
    for (const auto& child : json.at("children"))
        around.children.push_back(relative_from(child));
    for (const auto& socket : json.at("listening"))
        around.listening.push_back({.fd = socket.at(0).get<std::uint32_t>(), .local = socket.at(1).get<std::string>()});
    known.rules = json.at("rules").get<std::vector<std::string>>();
    return known;
}

Text shared(std::optional<std::string> text) {
    return text ? std::make_shared<const std::string>(std::move(*text)) : nullptr;
}

std::vector<std::string> matching(const std::vector<Matcher>& matchers, const std::vector<RuleSpec>& rules,
                                  std::uint32_t pid) {
    std::vector<std::string> names;
    const auto status = process_status(pid);
    if (!status) return names;
    Process process{.id = {.pid = pid},
                    .ppid = status->ppid,
                    .uid = status->uid,
                    .gid = status->gid,
                    .kernel_thread = status->kernel_thread,
                    .comm = status->comm}; // of a kernel thread all of its name: no more need be known
    Needs read;
    for (std::size_t i = 0; i < rules.size(); ++i) {
        if (!matchers[i].possible(process)) continue;
        const auto needs = matchers[i].needs();
        if (needs.exe && !std::exchange(read.exe, true)) process.exe = shared(read_exe(pid));
        if (needs.args && !std::exchange(read.args, true)) process.args = shared(read_args(pid));
        if (needs.cgroups && !std::exchange(read.cgroups, true)) process.cgroups = shared(read_cgroups(pid));
        if (matchers[i].matches(process)) names.push_back(rules[i].name);
    }
    return names;
}

} // namespace

Result<SceneErrand> SceneErrand::send(const std::vector<std::uint32_t>& pids, const std::string& config) {
    auto errand = Errand::send([&](const Errand::Say& say) {
        const auto tell = [&](const Known& known) {
            say(as_json(known).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
        };
        // A process again, with its rules: whatever stops us there, the rest is known.
        std::vector<Known> all;
        for (const auto pid : pids)
            tell(all.emplace_back(Known{.around = read_surroundings(pid)}));
        const auto loaded = load(config, system_sources());
        if (!loaded.ok()) return;
        std::vector<Matcher> matchers;
        matchers.reserve(loaded.spec.rules.size());
        for (const auto& rule : loaded.spec.rules)
            matchers.emplace_back(rule.match);
        for (auto& known : all) {
            known.rules = matching(matchers, loaded.spec.rules, known.around.pid);
            if (!known.rules.empty()) tell(known);
        }
    });
    if (!errand) return std::unexpected(errand.error());
    return SceneErrand(std::move(*errand));
}

std::map<std::uint32_t, Known> SceneErrand::wait(Time deadline) {
    const auto brought = errand_.wait(deadline);
    std::map<std::uint32_t, Known> all;
    std::istringstream in(brought.text);
    for (std::string line; std::getline(in, line);) {
        try {
            auto known = known_from(Json::parse(line));
            all[known.around.pid] = std::move(known);
        } catch (const Json::exception&) {
            break; // cut off in the middle of a line
        }
    }
    return all;
}

std::vector<RuleSpec> rules_for_thresholds(const std::string& config) {
    auto sources = system_sources();
    sources.user = sources.group = [](const std::string&) { return std::optional<std::uint32_t>{0}; };
    auto loaded = load(config, sources);
    if (!loaded.ok()) return {};
    return std::move(loaded.spec.rules);
}

std::map<std::uint32_t, std::vector<Finding>> findings_of_daemon(const std::string& socket, Duration patience) {
    std::map<std::uint32_t, std::vector<Finding>> findings;
    const auto answer = ask(socket, {.verb = Request::Verb::status}, patience);
    if (!answer) return findings;
    const auto status = Json::parse(answer->json, nullptr, false);
    const auto clocks = clock_pair();
    if (!status.is_object() || !status.contains("rules")) return findings;
    for (const auto& rule : status["rules"]) {
        if (!rule.is_object() || !rule.contains("findings")) continue;
        for (const auto& each : rule["findings"]) {
            if (auto finding = finding_from(each, clocks))
                findings[finding->process.pid].push_back(std::move(*finding));
        }
    }
    return findings;
}

Result<std::vector<std::uint32_t>> processes_of(const Features& features, const RuleSpec& rule) {
    const Matcher matcher(rule.match);
    auto list = TaskList::open(features);
    if (!list) return std::unexpected(list.error());
    Enricher enricher;
    std::vector<Identity> found;
    const auto take = [&](SnapshotTask task) {
        if (task.dying || !matcher.possible(task.process)) return;
        Event event = std::move(task);
        enricher.enrich(event, matcher.needs());
        const auto& process = std::get<SnapshotTask>(event).process;
        if (matcher.matches(process)) found.push_back(process.id);
    };
    if (auto read = list->read(take); !read) return std::unexpected(read.error());
    std::ranges::sort(found);
    std::vector<std::uint32_t> pids;
    std::ranges::transform(found, std::back_inserter(pids), &Identity::pid);
    return pids;
}

} // namespace nezuban
