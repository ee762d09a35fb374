// The reference of the property test: a machine with a kernel that tells, loses and lists, a shell that carries out
// what the engine wants, sooner or later, well or badly, and the rules that no sequence of events may break.
#pragma once

#include "engine/engine.hpp"

#include <deque>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace nezuban::test {

class Machine {
public:
    explicit Machine(std::uint64_t seed);

    void step(); // something happens
    void calm(); // nothing goes wrong any more, everything is put in order: all rules have to become ok

    // The first promise that was broken; empty: none.
    [[nodiscard]] const std::string& broken() const {
        return broken_;
    }

private:
    struct Task {
        Process process;
        bool embryo = false;   // a vfork child before its exec
        bool dying = false;    // ended ...
        bool told = false;     // ... and said so
        bool stubborn = false; // can't be signalled
    };
    struct Command {
        std::string rule; // of a restart; empty: of no interest
        std::string label;
        Time began;
        std::uint32_t service = 0; // the command is this process
        bool unheard = false;      // its end is told only when it was asked for
        bool end_wanted = false;
    };

    // machine.cpp: the kernel
    void fork(bool shares_memory);
    Identity spawn(const std::string& comm);
    void exec(Task& task, const std::string& comm);
    void end(Task& task, const Cause& cause);
    void tell_end(Task& task, const Cause& cause);
    void change(Task& task);
    void ring(Event event);
    void drain(std::size_t records);
    void tell_losses();
    void snapshot_slice();
    void whole_snapshot();
    Task* any();

    // machine_shell.cpp: the shell, and the promises
    void give(Event event);
    void advance(Duration duration);
    void take();
    void run(const RunCommand& command);
    void signal(const Signal& wanted);
    void tell_started();
    void end_commands(bool all);
    void operate();
    void reload();
    void check_signals();
    void check_restart(const RunCommand& command, const std::string& rule);
    void check_counts();
    void fail(const std::string& what);

    bool chance(unsigned percent);
    std::uint32_t up_to(std::uint32_t most); // 0 to most - 1
    [[nodiscard]] std::set<std::uint32_t> truth(const RuleSpec& rule) const;

    std::mt19937_64 dice_;
    std::vector<RuleSpec> rules_;
    Engine engine_;
    Time now_ = Time(1000s);
    Intents wanted_;
    std::string broken_;

    std::map<std::uint32_t, Task> tasks_;
    std::uint32_t next_pid_ = 1000;
    std::uint64_t next_start_ = 10;
    std::deque<Event> ring_;
    EventsLost lost_;           // not yet told
    std::uint64_t losses_ = 0;  // in all
    unsigned loss_percent_ = 0; // how many records find the ring full
    bool calm_ = false;

    std::optional<std::uint32_t> cursor_; // of the snapshot under way: the last pid read
    bool snapshot_wanted_ = true;
    std::uint64_t losses_at_begin_ = 0;
    bool told_at_begin_ = true; // all of them
    bool exact_ = false;        // a whole snapshot without loss lies behind us, and no loss since

    std::map<CommandId, Command> running_;
    std::deque<CommandStarted> started_; // not yet told
    std::set<CommandId> queued_;         // of these: they wait for a place
    std::deque<Signal> signals_;
    std::set<Identity> known_;         // to the engine, by any event
    std::set<Identity> doomed_;        // of the capped rule, by stop-newest
    std::map<std::string, bool> idle_; // paused or exhausted, as remembered
    std::map<std::string, std::vector<Time>> attempts_;
    std::map<std::string, bool> by_hand_; // its last restart
};

} // namespace nezuban::test
