// A site of services that require each other: commands are carried out as a shell and an init system would do it, each
// in its time; a test says what falls, and reads what was done in which order.
#pragma once

#include "story.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace nezuban::test {

// A service of one process that bears the rule's name. Stopped and started by commands of its own.
RuleSpec service(const std::string& name, std::vector<std::string> required = {});
// ... that is only ever restarted by one command.
RuleSpec by_command(const std::string& name, std::vector<std::string> required = {});

// app requires db; and the group mail.
std::vector<RuleSpec> pair_of(const ReadySpec& ready_db = {});
StoryOptions one_group(std::vector<std::string> members = {"db", "app"});

// Empty: it isn't told.
[[nodiscard]] std::string fact(const Incident& incident, std::string_view key);

struct Habits {
    Duration start = 100ms; // from the command to the process, which ends the command
    Duration stop = 50ms;   // likewise
    Duration ready = 0s;    // from the process to the first good answer
    Duration late = 0s;     // the process comes so long after the end of the command
    bool fails = false;     // the start command ends with 1, and nothing runs
    bool deaf = false;      // to everything but SIGKILL
};

class Site {
public:
    explicit Site(std::vector<RuleSpec> rules, StoryOptions options = {});

    Story story;
    std::map<std::string, Habits> habits;         // by rule
    std::vector<std::string> steps;               // "stop web", "start db", "restart mail", "TERM web", in order
    std::function<void(const Intent&)> on_intent; // before it is carried out
    bool commands_live = false;                   // a command is a process too, whose pid is told a little later

    void begin(); // all run, and are seen
    // By somebody else. fell: how long ago that was settled.
    void kill(const std::string& name, Duration fell = Duration::zero());
    void come_up(const std::string& name); // by somebody else
    void run_for(Duration duration);
    // Until nothing is under way, for an hour at most.
    void come_to_rest();

    // --- the daemon is killed, and another one begins in the same world; wants commands_live ------------------
    // So many intents from now on are carried out, and no other one of this daemon's.
    void let_daemon_die_after(std::size_t intents) {
        dies_at_ = carried_out_ + intents;
    }
    void let_daemon_die() {
        dead_ = story.deaf = true;
    }
    void let_daemon_live() {
        dies_at_.reset();
    }
    [[nodiscard]] bool daemon_is_dead() const {
        return dead_;
    }
    // With what was remembered; what still runs of the commands is found as the store finds it.
    void begin_daemon();
    [[nodiscard]] std::size_t carried_out() const {
        return carried_out_;
    }
    // A command of it is under way: start, stop or restart, of whichever daemon.
    [[nodiscard]] bool busy(const std::string& name) const;

    [[nodiscard]] bool runs(const std::string& name) const {
        return processes_.contains(name);
    }
    [[nodiscard]] bool ready(const std::string& name) const;
    [[nodiscard]] Identity process(const std::string& name) const {
        return processes_.at(name);
    }
    [[nodiscard]] std::string done() const; // the steps: "stop web, start db"
    [[nodiscard]] std::string last() const {
        return steps.empty() ? std::string() : steps.back();
    }
    [[nodiscard]] std::vector<Incident> told(Happening happening, std::string_view rule) const;
    [[nodiscard]] GroupView group(std::string_view name) const;
    [[nodiscard]] std::size_t position(const std::string& step) const; // in steps; the last one

private:
    struct Command {
        CommandId id = 0;
        unsigned daemon = 0; // of which one; only that one hears of it
        std::string name;
        std::string verb;
        std::string token;
        Identity process;
        bool runs = true;
    };

    void carry_out();
    void carry_out(const RunCommand& command);
    void carry_out(const Signal& signal);
    void carry_out(const Probe& probe);
    void carry_out(const EndCommand& end);
    void carry_out(const Remember& remember);
    void finish(Command& command, CommandEnded ended);
    void break_off(const std::shared_ptr<Command>& command, const CommandEnded& ended);
    void tell_own(unsigned daemon, const Event& event); // the answer to what that daemon asked
    void work(Command& command);
    [[nodiscard]] Identity find_command(const PlanMemory& plan) const;
    void end(const std::string& name, const Cause& cause, Duration fell = Duration::zero());
    void later(Duration delay, std::function<void()> what);
    bool step(Time until);

    std::map<std::string, Identity> processes_;
    std::map<std::string, Time> up_since_;
    std::vector<RuleSpec> rules_;
    std::vector<GroupSpec> groups_;
    std::vector<std::shared_ptr<Command>> commands_; // all there were
    std::map<Identity, std::string> tokens_;         // in the environment: inherited by what a command starts
    std::map<std::string, RuleMemory> memories_;
    std::optional<std::size_t> dies_at_;
    bool dead_ = false;
    unsigned daemon_ = 0;
    std::multimap<Time, std::function<void()>> pending_;
    std::size_t carried_out_ = 0;
};

} // namespace nezuban::test
