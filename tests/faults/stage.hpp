// What the fault campaigns share: dice with a seed, and the invariants, each looked at in one place.
//
//   no wrong kill      Witness: a process that looks like a target, and must never get a signal
//   no lost incident   exits_told, against what the campaign itself has ended
//   no restart beyond  Diary: what the commands wrote themselves, against the budget that the daemon tells
//   no leak            Vitals: descriptors, BPF maps, memory and zombies of the daemon and its helpers
#pragma once

#include "e2e/stage.hpp"

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace nezuban::test {

// NEZUBAN_SEED, or 1: what went wrong with a seed goes wrong with it again, as far as the machine lets it.
std::uint64_t seed();

// Each campaign throws its own: one more throw in one of them changes no other.
class Dice {
public:
    explicit Dice(std::string_view campaign);
    // 0 .. sides - 1
    std::size_t roll(std::size_t sides) {
        return static_cast<std::size_t>(generator_() % sides);
    }
    template <typename T> const T& pick(const std::vector<T>& from) {
        return from.at(roll(from.size()));
    }
    std::string bytes(std::size_t count);
    // Lets a span of up to this pass: no event says when a bad moment is, the moments between events are the point.
    void let_pass(std::chrono::microseconds at_most);

private:
    std::mt19937_64 generator_;
};

// Of the same length, and other in one letter only.
std::string similar_to(std::string name);

// A process of that name that no rule means. Whatever signal it gets, it keeps, and tells.
class Witness {
public:
    explicit Witness(const std::string& name);
    // CHECKs that it lives and got nothing.
    void check();

private:
    Child child_;
};

// The daemon and its helpers, by name (nezuban, nezuban-scribe, ...).
struct Vitals {
    std::map<std::string, std::size_t> descriptors;
    std::size_t maps = 0;      // BPF maps that the daemon holds
    std::size_t processes = 0; // it and its helpers, and what else it has for children
    std::size_t zombies = 0;   // among its children
    long resident_kib = 0;     // of the daemon itself
};
Vitals vitals_of(Daemon& daemon);
// Asks until it is as before, and CHECKs that it became so.
void check_no_leak(Daemon& daemon, const Vitals& before);

// What the restart commands of one rule wrote down, a line each: how many there really were.
class Diary {
public:
    explicit Diary(std::string path);
    // A command that writes its line first and then becomes that.
    [[nodiscard]] std::string then(const std::vector<std::string>& argv) const;
    [[nodiscard]] std::string then_script(const std::string& text,
                                          const std::vector<std::string>& arguments = {}) const;
    [[nodiscard]] std::size_t lines() const;

private:
    std::string path_;
};

// A service that its restart command starts, with what is to be known of it. Lives in the background, on a leash.
struct Service {
    Service(const TempDir& dir, const Leash& leash, const std::string& keys = "");
    std::string name;
    Diary diary;
    std::string text; // its rule

    // The one process of it, as soon as all is well again.
    pid_t await_pid(const Daemon& daemon) const;
    // CHECKs that this many restarts were paid for, made, and told.
    void check_restarts(const Daemon& daemon, std::size_t restarts) const;
};

// Ends a process that a command of ours started, and returns when it is gone.
void end(pid_t pid);

// Everything that the history says of a rule is valid JSON, in the order of time: the events, counted by their names.
std::map<std::string, std::size_t> history_of(const Daemon& daemon, const std::string& rule);
// The same, asked for until it holds so many of the event: the history is written a moment later.
void await_history(const Daemon& daemon, const std::string& rule, const std::string& event, std::size_t count);

} // namespace nezuban::test
