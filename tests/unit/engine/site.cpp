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

Site::Site(std::vector<RuleSpec> rules, StoryOptions options) : story(rules, std::move(options)) {
    for (const auto& spec : rules) {
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
        const auto intent = story.wanted[carried_out_++]; // a copy: what comes of it grows the list
        if (on_intent) on_intent(intent);
        std::visit(
            [this](const auto& one) {
                if constexpr (requires { this->carry_out(one); }) this->carry_out(one);
            },
            intent);
    }
}

void Site::carry_out(const RunCommand& command) {
    const auto& verb = command.argv.front();
    if (verb != "start" && verb != "stop" && verb != "restart" && verb != "ready") return;
    const auto name = command.argv.back();
    running_[command.id] = name;
    if (verb == "ready") {
        later(1ms, [this, id = command.id, name] {
            if (running_.erase(id) != 0) story.command_ends(CommandEnded{.id = id, .exit_code = ready(name) ? 0 : 1});
        });
        return;
    }
    steps.push_back(verb + " " + name);
    if (verb == "restart" && runs(name)) end(name, {.signal = 15, .known = true});
    const auto& habit = habits.at(name);
    later(verb == "stop" ? habit.stop : habit.start, [this, id = command.id, name, verb] {
        if (running_.erase(id) == 0) return; // broken off
        const bool fails = verb != "stop" && habits.at(name).fails;
        if (verb == "stop") {
            if (runs(name)) end(name, {.known = true});
        } else if (!fails && !runs(name)) {
            processes_[name] = story.born(name);
            up_since_[name] = story.now;
        }
        story.command_ends(CommandEnded{.id = id, .exit_code = fails ? 1 : 0});
    });
}

void Site::carry_out(const Signal& signal) {
    const auto found = std::ranges::find(processes_, signal.id, [](const auto& pair) { return pair.second; });
    if (found == processes_.end()) return;
    const auto name = found->first;
    steps.push_back((signal.signal == 9 ? "KILL " : "TERM ") + name);
    if (signal.signal != 9 && habits.at(name).deaf) return;
    later(signal.signal == 9 ? 1ms : habits.at(name).stop, [this, signal, name] {
        if (runs(name) && process(name) == signal.id) end(name, {.signal = signal.signal, .known = true});
    });
}

void Site::carry_out(const Probe& probe) {
    later(1ms, [this, probe] {
        const bool fine = ready(probe.target.substr(probe.target.find(':') + 1));
        story.tell(Probed{.id = probe.id, .error = fine ? "" : "connection refused"});
    });
}

void Site::carry_out(const EndCommand& end) {
    if (running_.erase(end.id) != 0)
        later(1ms, [this, end] { story.command_ends(CommandEnded{.id = end.id, .signal = 15}); });
}

// The next thing that is due, of the site's or of the engine's. False: nothing is, until then.
bool Site::step(Time until) {
    const auto engine_due = story.engine.next_deadline();
    const auto own_due = pending_.empty() ? std::nullopt : std::optional(pending_.begin()->first);
    if (own_due && *own_due <= until && (!engine_due || *own_due <= *engine_due)) {
        story.now = std::max(story.now, *own_due);
        const auto what = std::move(pending_.extract(pending_.begin()).mapped());
        what();
    } else if (engine_due && *engine_due <= until) {
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
