// Whatever requires what, and whatever falls in the middle of whatever plan: no promise of a group is broken.
#include "site.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <random>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace nezuban;
using namespace nezuban::test;

namespace {

constexpr std::uint32_t attempts = 3;

// Rules that require some of those before them, in one to three groups, some in none.
class Jungle {
public:
    Jungle(std::uint64_t seed, bool traced)
        : traced_(traced), dice_(seed), rules_(grow()), site_(rules_, {.groups = divide()}) {
        site_.on_intent = [this](const Intent& intent) { check(intent); };
        for (auto& [name, habit] : site_.habits) {
            habit = {
                .start = up_to(2000) * 1ms, .stop = up_to(500) * 1ms, .ready = up_to(500) * 1ms, .deaf = chance(10)};
        }
        site_.begin();
    }

    void live() {
        const auto disasters = 1 + up_to(6);
        for (unsigned i = 0; i < disasters && broken_.empty(); ++i) {
            const auto victims = 1 + up_to(chance(20) ? 20 : 3);
            for (unsigned each = 0; each < victims; ++each) {
                fall(any(), up_to(1000) * 1us);
            }
            if (chance(30)) site_.habits[any()].fails = true;
            if (chance(20)) by_hand(any());
            site_.run_for(up_to(4000) * 1ms);
        }
        const bool forgiving = chance(50);
        for (auto& [name, habit] : site_.habits) {
            habit.fails = habit.fails && !forgiving;
        }
        site_.come_to_rest();
        check_end();
    }

    [[nodiscard]] const std::string& broken() const {
        return broken_;
    }

private:
    bool chance(unsigned percent) {
        return up_to(100) < percent;
    }
    unsigned up_to(unsigned most) {
        return static_cast<unsigned>(dice_() % std::max(most, 1U));
    }
    std::string any() {
        return rules_[up_to(static_cast<unsigned>(rules_.size()))].name;
    }
    void fail(const std::string& what) {
        if (broken_.empty()) broken_ = what;
    }

    std::vector<RuleSpec> grow() {
        std::vector<RuleSpec> rules;
        const auto count = chance(10) ? 200U : 2 + up_to(25);
        for (unsigned i = 0; i < count; ++i) {
            std::set<std::string> required;
            for (unsigned edge = up_to(4); edge > 0 && i > 0; --edge) {
                required.insert(rules[up_to(i)].name);
            }
            const auto name = fmt::format("s{}", i);
            const std::vector<std::string> names(required.begin(), required.end());
            rules.push_back(chance(30) ? by_command(name, names) : service(name, names));
            auto& spec = rules.back();
            if (spec.restart.command.empty() && chance(30)) spec.restart.stop.clear();
            if (chance(30)) spec.ready.tcp = "ready:" + name;
            if (chance(30)) spec.restart.settle = up_to(3000) * 1ms;
            spec.restart.kill_after = 1s;
            spec.restart.attempts = attempts;
        }
        return rules;
    }

    std::vector<GroupSpec> divide() {
        constexpr std::array policies{GroupRestart::dependents, GroupRestart::dependents, GroupRestart::all,
                                      GroupRestart::member};
        std::vector<GroupSpec> groups(1 + up_to(3));
        for (std::size_t i = 0; i < groups.size(); ++i) {
            groups[i].name = fmt::format("g{}", i);
            groups[i].restart = policies[up_to(policies.size())];
        }
        for (const auto& spec : rules_) {
            if (chance(10)) continue;
            groups[up_to(static_cast<unsigned>(groups.size()))].members.push_back(spec.name);
        }
        for (const auto& group : groups) {
            for (const auto& member : group.members) {
                group_of_[member] = group.name;
                policy_of_[member] = group.restart;
            }
        }
        for (const auto& spec : rules_) { // in order: what is required was before
            auto& below = below_[spec.name];
            for (const auto& name : spec.required) {
                below.insert(name);
                below.insert(below_[name].begin(), below_[name].end());
            }
        }
        return groups;
    }

    [[nodiscard]] bool follows(const std::string& name, const std::string& cause) {
        const auto mine = group_of_.find(name);
        const auto its = group_of_.find(cause);
        if (name == cause || mine == group_of_.end() || its == group_of_.end() || mine->second != its->second)
            return false;
        const auto policy = policy_of_.at(cause);
        return policy == GroupRestart::all || (policy == GroupRestart::dependents && below_.at(name).contains(cause));
    }

    void fall(const std::string& name, Duration ago) {
        if (traced_) fmt::print("{} falls\n", name);
        owed_.insert(name);
        site_.kill(name, ago);
    }

    void by_hand(const std::string& name) {
        if (site_.story.engine.restart(name, site_.story.now, site_.story.wanted)) owed_.insert(name);
    }

    const RuleSpec& spec_of(const std::string& name) {
        return *std::ranges::find(rules_, name, &RuleSpec::name);
    }

    void trace(const Intent& intent) const {
        const auto at = std::chrono::duration<double>(site_.story.now - Time(1000s)).count();
        if (const auto* report = std::get_if<Report>(&intent))
            fmt::print("{:.4f} {}: {}: {}\n", at, report->incident.rule, name_of(report->incident.happening),
                       report->incident.reason);
        if (const auto* run = std::get_if<RunCommand>(&intent))
            fmt::print("{:.4f} {}\n", at, fmt::join(run->argv, " "));
        if (const auto* signal = std::get_if<Signal>(&intent))
            fmt::print("{:.4f} signal {} to {}\n", at, signal->signal, signal->id.pid);
    }

    void check(const Intent& intent) {
        if (traced_) trace(intent);
        if (const auto* report = std::get_if<Report>(&intent)) {
            check_report(report->incident);
        } else if (const auto* run = std::get_if<RunCommand>(&intent)) {
            const auto& verb = run->argv.front();
            if (verb == "start" || verb == "restart") check_start(run->argv.back(), verb == "restart");
            if (verb == "stop") check_stop(run->argv.back());
        } else if (const auto* signal = std::get_if<Signal>(&intent)) {
            for (const auto& spec : rules_) {
                if (site_.runs(spec.name) && site_.process(spec.name) == signal->id) check_stop(spec.name);
            }
        }
    }

    void check_report(const Incident& incident) {
        if (incident.happening == Happening::restart_failed) owed_.insert(incident.rule);
        if (incident.happening != Happening::restart) return;
        if (incident.attempt > 0 && ++attempts_[incident.rule] > attempts)
            fail(fmt::format("{}: restarted more often than its budget", incident.rule));
        for (const auto& spec : rules_) {
            if (follows(spec.name, incident.rule)) owed_.insert(spec.name);
        }
    }

    void check_start(const std::string& name, bool one_command) {
        for (const auto& required : spec_of(name).required) {
            if (!site_.runs(required)) fail(fmt::format("{} is started, and {} does not run", name, required));
            if (!spec_of(required).ready.tcp.empty() && !site_.ready(required))
                fail(fmt::format("{} is started, and {} is not ready", name, required));
        }
        if (site_.runs(name) && !one_command) fail(fmt::format("a second {} is started beside the first", name));
        if (owed_.erase(name) == 0) fail(fmt::format("{} is restarted for nothing", name));
    }

    void check_stop(const std::string& name) {
        const auto view = site_.story.engine.view(site_.story.now);
        for (const auto& rule : view.rules) {
            if (!site_.runs(rule.name) || !below_.at(rule.name).contains(name) || !follows(rule.name, name)) continue;
            if (rule.state == RuleState::exhausted || !spec_of(rule.name).restart.command.empty()) continue;
            // Its own next attempt is due later; it will find everything else in place.
            if (rule.next_at) continue;
            fail(fmt::format("{} is stopped, and {} that requires it still runs ({})", name, rule.name,
                             name_of(rule.state)));
        }
    }

    void check_end() {
        const auto view = site_.story.engine.view(site_.story.now);
        bool given_up = false;
        for (const auto& rule : view.rules) {
            given_up = given_up || rule.state == RuleState::exhausted;
        }
        for (const auto& rule : view.rules) {
            const bool fine = rule.state == RuleState::ok || rule.state == RuleState::exhausted
                              || (rule.state == RuleState::restarting && rule.failed && given_up);
            if (!fine)
                fail(fmt::format("in the end {} is {}: {}, waits for [{}]", rule.name, name_of(rule.state), rule.reason,
                                 fmt::join(rule.waits_for, " ")));
        }
        if (given_up) return;
        for (const auto& group : view.groups) {
            if (!group.root_cause.empty()) fail(fmt::format("{} is whole and has a root cause", group.name));
        }
    }

    bool traced_;
    std::mt19937_64 dice_;
    std::vector<RuleSpec> rules_;
    std::map<std::string, std::string> group_of_;
    std::map<std::string, GroupRestart> policy_of_;
    std::map<std::string, std::set<std::string>> below_;
    Site site_;
    std::set<std::string> owed_; // may be restarted once
    std::map<std::string, std::uint32_t> attempts_;
    std::string broken_;
};

} // namespace

TEST_CASE("no graph of rules and no falls in the middle of plans break a promise of a group") {
    constexpr std::uint64_t seeds = 400;
    const char* only = std::getenv("NEZUBAN_SEED"); // runs one of them again, and tells what happens
    const std::uint64_t first = only == nullptr ? 1 : std::stoull(only);
    const std::uint64_t last = only == nullptr ? seeds : first;
    for (auto seed = first; seed <= last; ++seed) {
        Jungle jungle(seed, only != nullptr);
        jungle.live();
        if (!jungle.broken().empty()) FAIL_CHECK("NEZUBAN_SEED=" << seed << ": " << jungle.broken());
    }
}

TEST_CASE("of a thousand falls within a millisecond, the first is named each time") {
    std::mt19937_64 dice(7);
    for (int round = 0; round < 1000; ++round) {
        std::vector<RuleSpec> rules;
        GroupSpec group{.name = "g"};
        const auto count = 2 + dice() % 12;
        for (std::uint64_t i = 0; i < count; ++i) {
            std::vector<std::string> required;
            if (i > 0 && dice() % 3 != 0) required.push_back(rules[dice() % i].name);
            rules.push_back(service(fmt::format("s{}", i), required));
            group.members.push_back(rules.back().name);
        }
        Site site(rules, {.groups = {group}});
        site.begin();
        auto victims = group.members;
        std::ranges::shuffle(victims, dice);
        victims.resize(2 + dice() % (count - 1));
        std::vector<std::pair<Duration, std::string>> falls;
        for (const auto& victim : victims) {
            falls.emplace_back(Duration(dice() % 1'000'000), victim);
        }
        for (const auto& [ago, victim] : falls) { // heard of in any order
            site.kill(victim, ago);
        }
        site.run_for(10ms);
        REQUIRE(site.group("g").root_cause == std::ranges::max(falls).second);
        site.come_to_rest();
        REQUIRE(site.group("g").root_cause.empty());
    }
}
