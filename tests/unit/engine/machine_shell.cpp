#include "machine.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace nezuban::test {

namespace {

constexpr std::uint32_t ours = 50;
constexpr std::uint32_t kernel_thread = 60;

std::vector<RuleSpec> specs() {
    RuleSpec web{.name = "web", .match = {.comm = "web"}};
    web.count.max = 3;
    web.count.over = Over::stop_newest;
    RuleSpec db{.name = "db", .match = {.comm = "db"}};
    db.restart = {.command = {"/bin/restart-db"}, .timeout = 5s, .settle = 500ms, .delay = 100ms, .window = 2min};
    RuleSpec svc{.name = "svc", .match = {.exe = "/bin/svc"}};
    svc.count.max = 2;
    svc.count.hold = 200ms;
    svc.count.over = Over::restart;
    svc.restart = {.start = {"/bin/svc"},
                   .kill_after = 1s,
                   .timeout = 5s,
                   .settle = 500ms,
                   .delay = 100ms,
                   .attempts = 4,
                   .window = 5min};
    RuleSpec user{.name = "user", .match = {.user = Principal{"seven", 7}}};
    user.count = {.min = 0, .max = 4, .over_command = {}};
    RuleSpec each{.name = "each", .match = {.any = true}};
    each.count = {.min = 0, .max = 6, .per = Per::comm, .over_command = {}};
    return {web, db, svc, user, each};
}

bool counts(const RuleSpec& rule, const Process& process) {
    if (process.kernel_thread) return false;
    if (rule.match.comm && *rule.match.comm != process.comm) return false;
    if (rule.match.exe && (!process.exe || *rule.match.exe != *process.exe)) return false;
    return !rule.match.user || rule.match.user->id == process.uid;
}

} // namespace

Machine::Machine(std::uint64_t seed)
    : dice_(seed), rules_(specs()), engine_({.own_pids = {ours}, .seed = seed}, rules_, {}, {}) {
    std::uint64_t start = 1;
    for (const auto pid : {1U, ours, kernel_thread}) {
        tasks_[pid].process = {.id = {.pid = pid, .start_ns = start++},
                               .kernel_thread = pid == kernel_thread,
                               .cgroup_key = 1,
                               .comm = pid == kernel_thread ? "web" : "init"};
    }
    tasks_[1].process.exe = std::make_shared<const std::string>("/bin/init");
}

bool Machine::chance(unsigned percent) {
    return dice_() % 100 < percent;
}

std::uint32_t Machine::up_to(std::uint32_t most) {
    return static_cast<std::uint32_t>(dice_() % most);
}

void Machine::fail(const std::string& what) {
    if (broken_.empty()) broken_ = what;
}

// What the engine asks for is read from the process as it is now, if it still is.
void Machine::give(Event event) {
    const auto needs = engine_.needs_of(event);
    const auto read = [&](Process& process) {
        known_.insert(process.id);
        const auto task = tasks_.find(process.id.pid);
        if (!needs.exe || task == tasks_.end() || task->second.dying || task->second.process.id != process.id) return;
        process.exe = task->second.process.exe;
    };
    if (auto* forked = std::get_if<Forked>(&event)) read(forked->child);
    if (auto* execed = std::get_if<Execed>(&event)) read(execed->process);
    if (auto* changed = std::get_if<Changed>(&event)) read(changed->process);
    if (auto* listed = std::get_if<SnapshotTask>(&event)) read(listed->process);
    engine_.handle(event, now_, wanted_);
    take();
}

void Machine::advance(Duration duration) {
    const auto until = now_ + duration;
    int same_moment = 0;
    for (auto due = engine_.next_deadline(); due && *due <= until; due = engine_.next_deadline()) {
        same_moment = *due > now_ ? 0 : same_moment + 1;
        if (same_moment > 3) return fail("the engine asks for the same moment again and again");
        now_ = std::max(now_, *due);
        engine_.advance(now_, wanted_);
        take();
    }
    now_ = until;
}

void Machine::take() {
    check_signals();
    for (const auto& intent : std::exchange(wanted_, {})) {
        if (const auto* command = std::get_if<RunCommand>(&intent)) run(*command);
        if (const auto* adopted = std::get_if<AdoptCommand>(&intent)) running_.erase(adopted->id);
        if (const auto* end = std::get_if<EndCommand>(&intent); end != nullptr && running_.contains(end->id))
            running_.at(end->id).end_wanted = true;
        if (const auto* wanted = std::get_if<Signal>(&intent)) signals_.push_back(*wanted);
        if (std::holds_alternative<Resync>(intent)) snapshot_wanted_ = true;
        if (const auto* remember = std::get_if<Remember>(&intent))
            idle_[remember->memory.rule] = remember->memory.paused || remember->memory.exhausted;
        const auto* report = std::get_if<Report>(&intent);
        if (report == nullptr || report->incident.happening != Happening::restart) continue;
        const bool by_hand = by_hand_[report->incident.rule] = report->incident.attempt == 0;
        if (!by_hand) attempts_[report->incident.rule].push_back(now_);
    }
}

void Machine::run(const RunCommand& command) {
    const auto colon = command.label.find(": ");
    const auto what = std::string_view(command.label).substr(colon + 2);
    Command one{.rule = {}, .label = command.label, .began = now_};
    if (what == "restart" || what == "start" || what == "stop") {
        one.rule = command.label.substr(0, colon);
        check_restart(command, one.rule);
    }
    if (what == "start" && chance(30)) one.service = spawn("svc").pid; // the command is the service itself
    const auto pid = one.service == 0 ? 9000 : one.service;
    if (!one.rule.empty() && one.service == 0 && !calm_) {
        one.unheard = chance(3);
        if (chance(10)) queued_.insert(command.id);
    }
    running_[command.id] = std::move(one);
    started_.push_back({.id = command.id, .pid = pid});
    if (chance(50)) tell_started();
}

void Machine::tell_started() {
    for (const auto& started : std::exchange(started_, {})) {
        const auto command = running_.find(started.id);
        if (command == running_.end()) continue; // it was ended before
        if (queued_.contains(started.id) && !calm_ && !chance(5)) {
            started_.push_back(started);
            continue;
        }
        queued_.erase(started.id);
        command->second.began = now_;
        engine_.handle(started, now_, wanted_);
        take();
    }
}

void Machine::check_restart(const RunCommand& command, const std::string& rule) {
    if (idle_[rule] && !by_hand_[rule]) fail(command.label + " while paused or exhausted");
    for (const auto& [id, other] : running_) {
        if (other.rule == rule) fail(command.label + " while " + other.label + " is still running");
    }
    const auto spec = std::ranges::find(rules_, rule, &RuleSpec::name);
    auto& attempts = attempts_[rule];
    std::erase_if(attempts, [&](Time at) { return at <= now_ - spec->restart.window; });
    if (attempts.size() > spec->restart.attempts) fail(rule + " has been restarted beyond its budget");
}

void Machine::end_commands(bool all) {
    tell_started();
    for (const auto& [id, then] : std::map(running_)) {
        const auto now = running_.find(id);
        if (now == running_.end()) continue;
        const auto command = now->second;
        if (command.end_wanted) {
            const bool begun = queued_.erase(id) == 0;
            running_.erase(id);
            engine_.handle(
                CommandEnded{.id = id, .timed_out = true, .error = begun ? "" : "ended before it was started"}, now_,
                wanted_);
            take();
            continue;
        }
        if (queued_.contains(id) || (command.unheard && !calm_)) continue;
        const bool late = now_ - command.began > 5s;
        if (!all && !late && !chance(40)) continue;
        const auto service = tasks_.find(command.service);
        if (service != tasks_.end() && !service->second.dying) {
            if (!late) continue; // it is adopted when its exec is told, or ends by itself
            end(service->second, {.signal = 9, .known = true});
        }
        const bool good = calm_ || chance(60);
        if (good && !command.rule.empty() && !command.label.ends_with("stop")) spawn(command.rule);
        drain(ring_.size()); // as the shell does it: what the command caused is told before its end
        running_.erase(id);
        engine_.handle(CommandEnded{.id = id, .exit_code = good ? 0 : 1}, now_, wanted_);
        take();
    }
}

void Machine::signal(const Signal& wanted) {
    const auto found = tasks_.find(wanted.id.pid);
    SignalSent answer{.id = wanted.id, .signal = wanted.signal, .error = 0};
    if (found == tasks_.end() || found->second.dying || found->second.process.id != wanted.id) {
        answer.error = 3;
    } else if (!engine_.wants(wanted)) {
        answer.error = 125; // ECANCELED
        doomed_.erase(wanted.id);
    } else if (found->second.stubborn) {
        answer.error = 1;
        doomed_.erase(wanted.id);
    } else if (!calm_ && chance(10)) { // no descriptor left
        answer.error = 24;
        answer.for_want = true;
        doomed_.erase(wanted.id);
    } else if (wanted.signal == 9 || calm_ || chance(60)) {
        end(found->second, {.signal = wanted.signal, .known = true});
    }
    give(answer);
}

void Machine::operate() {
    const auto& rule = rules_[up_to(static_cast<std::uint32_t>(rules_.size()))].name;
    const auto what = up_to(5);
    if (what == 0)
        static_cast<void>(engine_.pause(rule, chance(50) ? std::optional(now_ + 3s) : std::nullopt, now_, wanted_));
    if (what == 1) static_cast<void>(engine_.resume(rule, now_, wanted_));
    if (what == 2) {
        static_cast<void>(engine_.reset(rule, now_, wanted_));
        attempts_[rule].clear();
    }
    if (what == 3) static_cast<void>(engine_.restart(rule, now_, wanted_));
    if (what == 4) reload();
    take();
}

void Machine::reload() {
    const auto changed = up_to(3);
    if (changed < 2) {
        auto& rule = rules_[changed + 1];
        rule.count.hold = chance(50) ? 0ms : 300ms;
        attempts_[rule.name].clear();
    }
    const auto extra = std::ranges::find(rules_, "extra", &RuleSpec::name);
    if (extra != rules_.end()) {
        rules_.erase(extra);
    } else if (chance(50)) {
        rules_.push_back({.name = "extra", .match = {.exe = "/bin/sh"}, .count = {.min = 0, .over_command = {}}});
    }
    exact_ = false; // what a new rule needs to know has not been read
    engine_.reload(rules_, {}, now_, wanted_);
}

std::set<std::uint32_t> Machine::truth(const RuleSpec& rule) const {
    std::set<std::uint32_t> pids;
    for (const auto& [pid, task] : tasks_) {
        if (!task.told && counts(rule, task.process)) pids.insert(pid);
    }
    return pids;
}

// Whoever is between two states (a vfork child, one whose end is not told yet) may be seen as either.
void Machine::check_counts() {
    if (!exact_ || cursor_ || !ring_.empty()) return;
    const auto view = engine_.view(now_);
    for (std::size_t i = 0; i < rules_.size(); ++i) {
        const auto wanted = truth(rules_[i]);
        const std::set<std::uint32_t> seen(view.rules[i].pids.begin(), view.rules[i].pids.end());
        if (view.rules[i].count != seen.size()) fail(rules_[i].name + ": the count is not the number of its pids");
        for (const auto& [pid, task] : tasks_) {
            if (task.embryo || (task.dying && !task.told)) continue;
            if (wanted.contains(pid) != seen.contains(pid))
                fail(rules_[i].name + ": pid " + std::to_string(pid) + (seen.contains(pid) ? " is" : " isn't")
                     + " counted");
        }
        for (const auto pid : seen) {
            if (!tasks_.contains(pid)) fail(rules_[i].name + ": pid " + std::to_string(pid) + " is a ghost");
        }
    }
}

void Machine::check_signals() {
    const bool any_signal =
        std::ranges::any_of(wanted_, [](const Intent& intent) { return std::holds_alternative<Signal>(intent); });
    if (!any_signal && doomed_.empty()) return;
    const auto members = engine_.matches();
    const auto belongs = [&](std::size_t rule, const Identity& id) {
        return std::ranges::find(members[rule], id, &Process::id) != members[rule].end();
    };
    bool more = false;
    for (const auto& intent : wanted_) {
        const auto* wanted = std::get_if<Signal>(&intent);
        if (wanted == nullptr) continue;
        const auto& id = wanted->id;
        if (id.pid == 1 || id.pid == ours || id.pid == kernel_thread) fail("a signal to pid " + std::to_string(id.pid));
        if (!known_.contains(id)) fail("a signal to an unknown identity");
        if (!belongs(0, id) && !belongs(2, id)) fail("a signal to somebody who belongs to no rule that sends any");
        if (wanted->signal == 9 && !belongs(2, id)) more = doomed_.insert(id).second || more;
    }
    std::erase_if(doomed_, [&](const Identity& id) { return !belongs(0, id); });
    if (more && members[0].size() - doomed_.size() < 3) fail("more were ended than are beyond the maximum");
}

} // namespace nezuban::test
