#include "app/explain.hpp"

#include "app/configuration.hpp"
#include "app/explain_look.hpp"
#include "app/explain_scene.hpp"
#include "app/explanation.hpp"
#include "core/json_words.hpp"
#include "core/number.hpp"
#include "core/words.hpp"
#include "io/clock.hpp"
#include "io/surroundings.hpp"
#include "probe/features.hpp"
#include "rules/hang_rules.hpp"
#include "rules/wait_graph.hpp"

#include <algorithm>
#include <optional>
#include <ostream>
#include <string_view>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace nezuban {

namespace {

using Json = nlohmann::ordered_json;

constexpr int exit_no = 1;
constexpr int exit_not_able = 4;
constexpr Duration patience_for_daemon = 150ms;
constexpr Duration patience_for_scene = 250ms;

void print(const Json& json, std::ostream& out) {
    out << harmless_json(json.dump(-1, ' ', false, Json::error_handler_t::replace)) << '\n';
}

// All that is common to the processes of one call.
struct Scene {
    const TwoLooks& looks;
    const WaitGraph& graph;
    std::map<std::uint32_t, Known> known;
    std::map<std::uint32_t, std::vector<Finding>> of_daemon;
    std::vector<RuleSpec> rules;
    ClockPair clocks;
};

std::vector<const SeenThread*> threads_of(const Scene& scene, std::uint32_t pid) {
    std::vector<const SeenThread*> threads;
    for (const auto& [tid, seen] : scene.looks.memory.threads())
        if (seen.last.process.pid == pid) threads.push_back(&seen);
    return threads;
}

// Of all who hold it. Absent: one has run, or they are too many to know.
std::optional<Duration> rest_of_holders(const Scene& scene, const SeenSocket& socket) {
    std::optional<Duration> rest;
    for (const auto& holder : socket.holders) {
        const auto one = at_rest(threads_of(scene, holder.owner.pid), scene.looks.now);
        if (!one) return std::nullopt;
        rest = std::min(rest.value_or(*one), *one);
    }
    return rest;
}

// The daemon has seen more of it: what it knows comes first, and its beginning counts.
void merge(std::vector<Finding> others, std::vector<Finding>& findings) {
    for (auto& other : others) {
        const auto same = std::ranges::find_if(findings, [&](const Finding& finding) {
            return finding.kind == other.kind && finding.tid == other.tid
                   && (finding.kind != HangKind::unserved || finding.evidence.front() == other.evidence.front());
        });
        if (same == findings.end()) {
            findings.push_back(std::move(other));
        } else if (other.since < same->since) {
            *same = std::move(other);
        }
    }
}

class Explainer {
public:
    Explainer(const Scene& scene, std::uint32_t pid, std::uint32_t asked)
        : scene_(scene), threads_(threads_of(scene, pid)) {
        result_.asked = asked;
        result_.now = scene.looks.now;
        result_.clocks = scene.clocks;
        if (const auto known = scene.known.find(pid); known != scene.known.end()) {
            result_.around = known->second.around;
            result_.rules = known->second.rules;
        }
        result_.around.pid = pid;
        const auto leader = std::ranges::find(threads_, pid, [](const auto* seen) { return seen->last.thread.tid; });
        if (result_.around.comm.empty() && leader != threads_.end()) result_.around.comm = (*leader)->last.comm;
    }

    Explanation explain() {
        find_sockets();
        find();
        const auto waiting = sockets_to_serve();
        result_.verdict = judge({.around = result_.around,
                                 .findings = result_.findings,
                                 .threads = threads_,
                                 .sockets = waiting,
                                 .sockets_seen = scene_.looks.sockets_seen,
                                 .between = scene_.looks.between,
                                 .now = scene_.looks.now,
                                 .clocks = scene_.clocks});
        for (const auto* seen : threads_)
            result_.threads.push_back(*seen);
        add_owners();
        add_notes();
        return std::move(result_);
    }

private:
    void find_sockets() {
        for (const auto& [key, socket] : scene_.looks.memory.sockets()) {
            const auto ours = std::ranges::find(socket.holders, result_.around.pid,
                                                [](const SocketQueue& holder) { return holder.owner.pid; });
            if (ours == socket.holders.end()) continue;
            sockets_.push_back({.seen = &socket, .held = &*ours});
            auto copy = socket;
            copy.last = *ours;
            result_.sockets.push_back(std::move(copy));
        }
    }
    [[nodiscard]] std::vector<const SeenSocket*> sockets_to_serve() const {
        std::vector<const SeenSocket*> waiting;
        for (const auto& socket : result_.sockets)
            if (socket.scans < 2 || unserved_at_rest(socket, socket.last.owner, Duration::zero(), Duration::zero()))
                waiting.push_back(&socket);
        return waiting;
    }
    [[nodiscard]] std::vector<HangSpec> specs() const {
        std::vector<HangSpec> specs;
        for (const auto& rule : scene_.rules)
            if (std::ranges::find(result_.rules, rule.name) != result_.rules.end()) specs.push_back(rule.hang);
        if (specs.empty()) specs.emplace_back();
        return specs;
    }
    void find() {
        for (const auto& spec : specs()) {
            auto hangs = find_hangs({.spec = spec,
                                     .memory = scene_.looks.memory,
                                     .graph = scene_.graph,
                                     .now = scene_.looks.now,
                                     .threads = threads_,
                                     .sockets = sockets_});
            merge(std::move(hangs.found), result_.findings);
            for (const auto& socket : result_.sockets) {
                const auto rest = rest_of_holders(scene_, socket);
                if (!spec.unserved || !rest) continue;
                if (auto finding = unserved_at_rest(socket, socket.last.owner, *rest, *spec.unserved))
                    merge({std::move(*finding)}, result_.findings);
            }
        }
        if (const auto known = scene_.of_daemon.find(result_.around.pid); known != scene_.of_daemon.end())
            merge(known->second, result_.findings);
        std::ranges::sort(result_.findings, {},
                          [](const Finding& finding) { return std::tuple(finding.since, finding.kind, finding.tid); });
    }
    void add_owners() {
        std::set<std::uint32_t> tids;
        for (const auto* seen : threads_) {
            if (!seen->last.lock || seen->last.lock->owner_tid == 0) continue;
            const auto* owner = scene_.looks.memory.thread(seen->last.lock->owner_tid);
            if (owner != nullptr && owner->last.process.pid != result_.around.pid
                && tids.insert(owner->last.thread.tid).second)
                result_.owners.push_back(*owner);
        }
    }
    void add_notes() {
        if (result_.asked != result_.around.pid) {
            const auto thread =
                std::ranges::find(threads_, result_.asked, [](const auto* seen) { return seen->last.thread.tid; });
            result_.notes.push_back(fmt::format(
                "{}{} is a thread of process {}", result_.asked,
                thread == threads_.end() ? "" : fmt::format(" ({})", (*thread)->last.comm), result_.around.pid));
        }
        if (scene_.looks.hidden.contains(result_.around.pid))
            result_.notes.emplace_back(
                "the kernel hides it from BPF; this comes from /proc, which doesn't know since when");
        if (!scene_.looks.missing.empty()) result_.notes.push_back(scene_.looks.missing);
        if (scene_.looks.unreadable.contains(result_.around.pid))
            result_.notes.emplace_back(
                "looking at its memory or descriptors blocks, which is evidence by itself; locks and "
                "files are not known");
    }

    const Scene& scene_;
    std::vector<const SeenThread*> threads_;
    std::vector<HangScene::Socket> sockets_;
    Explanation result_;
};

// The tree of lookups: what is cheap and can't block first, the children's answers while we look.
Result<std::vector<Explanation>> explain_all(const Features& features, const std::vector<std::uint32_t>& pids,
                                             std::uint32_t asked, const ExplainOptions& options) {
    auto errand = SceneErrand::send(pids, options.config);
    if (!errand) return std::unexpected(errand.error());
    std::vector<RuleSpec> rules;
    std::map<std::uint32_t, std::vector<Finding>> of_daemon;
    auto looks = look_twice(features, pids, [&] {
        rules = rules_for_thresholds(options.config);
        of_daemon = findings_of_daemon(options.socket, patience_for_daemon);
    });
    if (!looks) return std::unexpected(looks.error());
    auto known = errand->wait(monotonic_now() + patience_for_scene);
    const WaitGraph graph(looks->memory.threads());
    const Scene scene{.looks = *looks,
                      .graph = graph,
                      .known = std::move(known),
                      .of_daemon = std::move(of_daemon),
                      .rules = std::move(rules),
                      .clocks = clock_pair()};
    std::vector<Explanation> all;
    all.reserve(pids.size());
    for (const auto pid : pids)
        all.push_back(Explainer(scene, pid, asked == 0 ? pid : asked).explain());
    return all;
}

int not_able(const Error& error, std::ostream& err) {
    err << "nezuban: " << error.text << '\n';
    return exit_not_able;
}

int gone(std::uint32_t asked, const ExplainOptions& options, std::ostream& out) {
    Explanation nobody{.asked = asked, .around = {.pid = asked}};
    nobody.verdict = {.kind = VerdictKind::gone,
                      .reason = fmt::format("there is no process {}; `nezuban events` may know how one ended", asked)};
    if (options.json)
        print(explanation_json(nobody), out);
    else
        out << nobody.verdict.headline() << '\n';
    return exit_no;
}

int explain_process(const Features& features, const ProcessStatus& status, std::uint32_t asked,
                    const ExplainOptions& options, std::ostream& out, std::ostream& err) {
    const auto all = explain_all(features, {status.pid}, asked, options);
    if (!all) return not_able(all.error(), err);
    auto explanation = all->front();
    if (explanation.around.comm.empty()) explanation.around.comm = status.comm;
    if (options.json)
        print(explanation_json(explanation), out);
    else
        print_explanation(explanation, options.stacks, out);
    return explanation.verdict.kind == VerdictKind::gone ? exit_no : 0;
}

void print_rule(const RuleSpec& rule, std::vector<Explanation> all, const ExplainOptions& options, std::ostream& out) {
    if (options.json) {
        Json processes = Json::array();
        for (const auto& explanation : all)
            processes.push_back(explanation_json(explanation));
        return print({{"rule", rule.name}, {"processes", std::move(processes)}}, out);
    }
    constexpr std::size_t shown_max = 20;
    std::ranges::sort(all, {}, [](const Explanation& explanation) {
        return std::pair(explanation.verdict.kind, explanation.around.pid);
    });
    const auto hung = std::ranges::count_if(
        all, [](const Explanation& explanation) { return explanation.verdict.kind == VerdictKind::hung; });
    out << fmt::format("rule {}: {} {}, {} hung\n", printable(rule.name), all.size(),
                       all.size() == 1 ? "process" : "processes", hung);
    if (all.size() == 1) return print_explanation(all.front(), options.stacks, out);
    for (std::size_t i = 0; i < all.size() && (options.stacks || i < shown_max); ++i)
        out << explanation_line(all[i]) << '\n';
    if (!options.stacks && all.size() > shown_max)
        out << fmt::format("and {} more (--json shows all)\n", all.size() - shown_max);
}

int explain_rule(const ExplainOptions& options, std::ostream& out, std::ostream& err) {
    auto spec = read_configuration(options.config, err);
    if (!spec) {
        err << fmt::format("nezuban: {} is no process number, and the rules can't be read\n",
                           nezuban::quoted(options.target));
        return 2;
    }
    const auto rule = std::ranges::find(spec->rules, options.target, &RuleSpec::name);
    if (rule == spec->rules.end()) {
        const std::vector<std::string_view> names = [&] {
            std::vector<std::string_view> known;
            known.reserve(spec->rules.size());
            for (const auto& each : spec->rules)
                known.push_back(each.name);
            return known;
        }();
        err << fmt::format("nezuban: {} is neither a process number nor a rule of {}{}\n",
                           nezuban::quoted(options.target), options.config,
                           in_brackets(did_you_mean(options.target, names)));
        return exit_no;
    }
    const auto features = probe_features(options.without);
    if (auto able = require(features); !able) return not_able(able.error(), err);
    const auto pids = processes_of(features, *rule);
    if (!pids) return not_able(pids.error(), err);
    if (pids->empty()) {
        print_rule(*rule, {}, options, out);
        return 0;
    }
    auto all = explain_all(features, *pids, 0, options);
    if (!all) return not_able(all.error(), err);
    // Who has ended meanwhile is not the rule's any more.
    std::erase_if(*all, [](const Explanation& explanation) { return explanation.verdict.kind == VerdictKind::gone; });
    print_rule(*rule, std::move(*all), options, out);
    return 0;
}

} // namespace

int run_explain(const ExplainOptions& options, std::ostream& out, std::ostream& err) {
    const auto number = number_in<std::uint32_t>(options.target);
    if (!number) return explain_rule(options, out, err);
    const auto features = probe_features(options.without);
    if (auto able = require(features); !able) return not_able(able.error(), err);
    const auto status = process_status(*number);
    if (!status) return gone(*number, options, out);
    return explain_process(features, *status, *number, options, out, err);
}

} // namespace nezuban
