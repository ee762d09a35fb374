#include "site.hpp"

#include <algorithm>

#include <fmt/ranges.h>

namespace nezuban::test {

RuleSpec service(const std::string& name, std::vector<std::string> required) {
    auto spec = rule(name, name);
    spec.required = std::move(required);
    spec.restart.stop = {"stop", name};
    spec.restart.start = {"start", name};
    spec.restart.settle = 0s;
    return spec;
}

RuleSpec by_command(const std::string& name, std::vector<std::string> required) {
    auto spec = rule(name, name);
    spec.required = std::move(required);
    spec.restart.command = {"restart", name};
    spec.restart.settle = 0s;
    return spec;
}

std::vector<RuleSpec> pair_of(const ReadySpec& ready_db) {
    std::vector rules{service("db"), service("app", {"db"})};
    rules[0].ready = ready_db;
    return rules;
}

StoryOptions one_group(std::vector<std::string> members) {
    return {.groups = {{.name = "mail", .members = std::move(members)}}};
}

std::string fact(const Incident& incident, std::string_view key) {
    const auto found = std::ranges::find(incident.evidence, key, &Fact::key);
    return found == incident.evidence.end() ? std::string() : text_of(*found);
}

Site::Site(std::vector<RuleSpec> rules, StoryOptions options)
    : story(rules, options), rules_(std::move(rules)), groups_(std::move(options.groups)) {
    for (const auto& spec : rules_) {
        habits[spec.name] = {};
    }
}

void Site::begin() {
    for (const auto& [name, habit] : habits) {
        processes_[name] = story.present(name);
        up_since_[name] = Time{};
    }
    story.snapshot();
    carry_out();
}

bool Site::ready(const std::string& name) const {
    return runs(name) && story.now >= up_since_.at(name) + habits.at(name).ready;
}

void Site::kill(const std::string& name, Duration fell) {
    if (runs(name)) end(name, {.signal = 9, .known = true}, fell);
    carry_out();
}

void Site::come_up(const std::string& name) {
    if (runs(name)) return;
    processes_[name] = story.born(name);
    up_since_[name] = story.now;
    carry_out();
}

void Site::end(const std::string& name, const Cause& cause, Duration fell) {
    const auto id = processes_.at(name);
    processes_.erase(name);
    story.die(id, cause, story.now - fell);
}

void Site::later(Duration delay, std::function<void()> what) {
    pending_.emplace(story.now + delay, std::move(what));
}

void Site::carry_out() {
    while (carried_out_ < story.wanted.size()) {
        if (carried_out_ == dies_at_) {
            dies_at_.reset();
            dead_ = story.deaf = true;
        }
        if (dead_) {
            story.wanted.resize(carried_out_);
            return;
        }
        const auto intent = story.wanted[carried_out_++]; // a copy: what comes of it grows the list
        if (on_intent) on_intent(intent);
        std::visit(
            [this](const auto& one) {
                if constexpr (requires { this->carry_out(one); }) this->carry_out(one);
            },
            intent);
    }
}

void Site::carry_out(const Remember& remember) {
    memories_[remember.memory.rule] = remember.memory;
}

void Site::tell_own(unsigned daemon, const Event& event) {
    if (!dead_ && daemon == daemon_) story.tell(event);
}

void Site::carry_out(const RunCommand& command) {
    const auto& verb = command.argv.front();
    if (verb != "start" && verb != "stop" && verb != "restart" && verb != "ready") return;
    commands_.push_back(std::make_shared<Command>(
        Command{.id = command.id, .daemon = daemon_, .name = command.argv.back(), .verb = verb}));
    const auto shared = commands_.back();
    auto& own = *shared;
    for (const auto& [key, value] : command.environment) {
        if (key == "NEZUBAN_RUN") own.token = value;
    }
    if (commands_live && verb != "ready") {
        own.process = story.born("sh");
        tokens_[own.process] = own.token;
        later(300us, [this, shared] {
            tell_own(shared->daemon, CommandStarted{.id = shared->id, .pid = shared->process.pid});
        });
    }
    if (commands_live && command.timeout > 0s)
        later(command.timeout, [this, shared] { break_off(shared, {.signal = 9, .timed_out = true}); });
    if (verb != "ready") steps.push_back(verb + " " + own.name);
    if (verb == "restart" && runs(own.name)) end(own.name, {.signal = 15, .known = true});
    const auto& habit = habits.at(own.name);
    later(verb == "ready"  ? Duration(1ms)
          : verb == "stop" ? habit.stop
                           : habit.start,
          [this, shared] {
              if (shared->runs) work(*shared); // else it was broken off
          });
}

void Site::work(Command& command) {
    const auto& name = command.name;
    const bool fails = command.verb == "ready" ? !ready(name) : command.verb != "stop" && habits.at(name).fails;
    if (command.verb == "stop") {
        if (runs(name)) end(name, {.known = true});
    } else if (command.verb != "ready" && !fails && !runs(name)) {
        const auto come = [this, name, token = command.token] {
            if (runs(name)) return;
            come_up(name);
            tokens_[process(name)] = token;
        };
        if (const auto late = habits.at(name).late; late > 0s)
            later(late, come);
        else
            come();
    }
    finish(command, {.exit_code = fails ? 1 : 0});
}

void Site::finish(Command& command, CommandEnded ended) {
    command.runs = false;
    if (command.process.pid != 0)
        story.die(command.process, {.exit_code = ended.exit_code, .signal = ended.signal, .known = true});
    ended.id = command.id;
    tell_own(command.daemon, ended);
}

void Site::break_off(const std::shared_ptr<Command>& command, const CommandEnded& ended) {
    if (!command->runs) return;
    command->runs = false;
    later(1ms, [this, command, ended] { finish(*command, ended); });
}

bool Site::busy(const std::string& name) const {
    return std::ranges::any_of(commands_, [&](const auto& command) {
        return command->runs && command->name == name && command->verb != "ready";
    });
}

// See docs/adr/0011-plans-outlive-the-daemon.md.
Identity Site::find_command(const PlanMemory& plan) const {
    for (const auto& [id, token] : tokens_) { // the oldest first
        const bool carries = !plan.token.empty() && token == plan.token && story.world.contains(id);
        if (carries && (plan.command.pid == 0 || plan.command.pid == id.pid)) return id;
    }
    return {};
}

void Site::begin_daemon() {
    std::vector<RuleMemory> memories;
    for (auto [name, memory] : memories_) {
        if (memory.plan) {
            const auto known = memory.plan->command.pid;
            memory.plan->command = find_command(*memory.plan);
            memory.plan->ended = known != 0 && memory.plan->command.pid == 0;
        }
        memories.push_back(std::move(memory));
    }
    ++daemon_;
    dead_ = story.deaf = false;
    story.engine = Engine({.seed = 3 + daemon_}, rules_, groups_, memories);
    story.snapshot();
    carry_out();
}

void Site::carry_out(const Signal& signal) {
    const auto found = std::ranges::find(processes_, signal.id, [](const auto& pair) { return pair.second; });
    if (found == processes_.end()) {
        const auto command = std::ranges::find(commands_, signal.id, [](const auto& one) { return one->process; });
        if (command != commands_.end()) break_off(*command, {.signal = signal.signal});
        return;
    }
    const auto name = found->first;
    steps.push_back((signal.signal == 9 ? "KILL " : "TERM ") + name);
    if (signal.signal != 9 && habits.at(name).deaf) return;
    later(signal.signal == 9 ? 1ms : habits.at(name).stop, [this, signal, name] {
        if (runs(name) && process(name) == signal.id) end(name, {.signal = signal.signal, .known = true});
    });
}

void Site::carry_out(const Probe& probe) {
    later(1ms, [this, probe, daemon = daemon_] {
        const bool fine = ready(probe.target.substr(probe.target.find(':') + 1));
        tell_own(daemon, Probed{.id = probe.id, .error = fine ? "" : "connection refused"});
    });
}

void Site::carry_out(const EndCommand& end) {
    const auto found = std::ranges::find_if(
        commands_, [&](const auto& one) { return one->runs && one->daemon == daemon_ && one->id == end.id; });
    if (found != commands_.end()) break_off(*found, {.signal = 15});
}

// The next thing that is due, of the site's or of the engine's. False: nothing is, until then.
bool Site::step(Time until) {
    const auto engine_due = dead_ ? Time::max() : story.engine.next_deadline().value_or(Time::max());
    const auto own_due = pending_.empty() ? Time::max() : pending_.begin()->first;
    if (own_due <= until && own_due <= engine_due) {
        story.now = std::max(story.now, own_due);
        const auto what = std::move(pending_.extract(pending_.begin()).mapped());
        what();
    } else if (engine_due <= until) {
        story.advance_to_next();
    } else {
        return false;
    }
    carry_out();
    return true;
}

void Site::run_for(Duration duration) {
    carry_out();
    const auto until = story.now + duration;
    for (int steps_left = 100'000; step(until);) {
        REQUIRE_MESSAGE(--steps_left > 0, "there is no end to it");
    }
    story.now = until;
}

void Site::come_to_rest() {
    const auto until = story.now + 1h;
    const auto under_way = [&] {
        const auto view = story.engine.view(story.now);
        return !pending_.empty() || std::ranges::any_of(view.rules, &RuleView::mending)
               || std::ranges::any_of(view.rules, [](const RuleView& one) { return one.state == RuleState::under; });
    };
    run_for(50ms); // falls are gathered before anything is under way
    for (int steps_left = 100'000; under_way() && step(until);) {
        REQUIRE_MESSAGE(--steps_left > 0, "there is no end to it");
    }
}

std::string Site::done() const {
    return fmt::format("{}", fmt::join(steps, ", "));
}

std::vector<Incident> Site::told(Happening happening, std::string_view rule) const {
    auto all = story.told(happening);
    std::erase_if(all, [&](const Incident& one) { return one.rule != rule; });
    return all;
}

GroupView Site::group(std::string_view name) const {
    for (auto& view : story.engine.view(story.now).groups) {
        if (view.name == name) return view;
    }
    FAIL("no group is named " << std::string(name));
    return {};
}

std::size_t Site::position(const std::string& step) const {
    const auto found = std::ranges::find(steps.rbegin(), steps.rend(), step);
    REQUIRE_MESSAGE(found != steps.rend(), "there was no step " << step);
    return static_cast<std::size_t>(steps.rend() - found - 1);
}

} // namespace nezuban::test
