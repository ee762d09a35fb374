// A machine on paper and an engine that watches it: a test tells what happens, and asks what the engine wanted.
#pragma once

#include "engine/engine.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

namespace nezuban::test {

// A rule that counts processes of this name, at least one of them.
RuleSpec rule(const std::string& name, const std::string& comm);
// ... and has a restart command.
RuleSpec restartable(const std::string& name, const std::string& comm);

struct StoryOptions {
    std::vector<GroupSpec> groups;
    std::vector<RuleMemory> memories;
    std::vector<std::uint32_t> own_pids;
    bool events_told = true;
};

class Story {
public:
    explicit Story(std::vector<RuleSpec> rules, StoryOptions options = {});

    Engine engine;
    Time now = Time(1000s);
    Intents wanted;                    // everything so far
    std::map<Identity, Process> world; // who lives, as the kernel knows it
    bool obedient = false;             // a deadly signal is answered by an exit at once
    bool deaf = false;                 // what happens in the world is lost on its way to the engine

    // --- the machine; each is one event -------------------------------------------------------------------
    Identity fork(const Identity& parent, bool shares_memory = false);
    void exec(const Identity& id, const std::string& comm, const std::string& exe = {}, const std::string& args = {});
    Identity born(const std::string& comm, const std::string& exe = {}); // forked by init, then exec'ed
    void exit(const Identity& id, int code = 0);
    void die(const Identity& id, const Cause& cause, std::optional<Time> fell = std::nullopt);
    void kill(const Identity& id, int signal);
    void rename(const Identity& id, const std::string& comm);
    void setuid(const Identity& id, std::uint32_t uid);
    void move(const Identity& id, std::uint64_t key, const std::string& cgroups);
    // Was there before anybody looked: no event. pid 0: the next free one.
    Identity present(const std::string& comm, std::uint32_t pid = 0);

    void snapshot(); // of everybody in the world
    void begin_snapshot();
    void read(const Identity& id, bool dying = false, bool zombie = false);
    void end_snapshot(bool complete = true);
    void lose(std::uint64_t records = 1);
    void command_starts(const RunCommand& command, std::uint32_t pid);
    void command_ends(const RunCommand& command, int code = 0);
    void command_ends(CommandEnded ended);
    void signal_answered(const Identity& id, int error);
    void tell(const Event& event);

    // --- time: every deadline on the way is kept ------------------------------------------------------------
    void wait(Duration duration);
    bool advance_to_next(); // false: there is none

    // --- what came of it -------------------------------------------------------------------------------------
    [[nodiscard]] RuleView of(std::string_view rule) const;
    [[nodiscard]] RuleState state(std::string_view rule) const {
        return of(rule).state;
    }
    [[nodiscard]] std::uint32_t count(std::string_view rule) const {
        return of(rule).count;
    }
    template <typename Kind> [[nodiscard]] std::vector<Kind> all() const {
        std::vector<Kind> found;
        for (const auto& intent : wanted) {
            if (const auto* one = std::get_if<Kind>(&intent)) found.push_back(*one);
        }
        return found;
    }
    [[nodiscard]] std::vector<Incident> told(Happening happening) const;
    [[nodiscard]] std::vector<RunCommand> commands(std::string_view label) const; // "scanner: restart"
    [[nodiscard]] std::vector<std::uint32_t> signalled(int signal) const;         // pids, in order
    [[nodiscard]] RunCommand last_command() const;

private:
    void obey();
    Process& in_world(const Identity& id);

    std::uint32_t next_pid_ = 100;
    std::uint64_t next_start_ = 1;
    std::size_t obeyed_ = 0;
};

[[nodiscard]] std::string variable(const RunCommand& command, std::string_view name);
[[nodiscard]] Text text(std::string_view value);

} // namespace nezuban::test
