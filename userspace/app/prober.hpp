// Asks services whether they are there, by a process of ours that may block: name servers, TLS and whatever a service
// answers are no business of the watcher. One that dies or no longer answers is replaced, and what it was asked has
// failed: who wants to know asks again.
#pragma once

#include "core/event.hpp"
#include "core/intent.hpp"
#include "core/time.hpp"
#include "io/loop.hpp"
#include "io/spawner.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace nezuban {

// The process itself: answers on standard input's socket until its end.
int prober_main();

class Prober {
public:
    // done: called once for each ask(), from the loop or from advance(), never from ask() itself. The loop and the
    // spawner outlive this. log: what an operator should know.
    Prober(Loop& loop, Spawner& spawner, std::function<void(Probed)> done, std::function<void(std::string)> log);
    ~Prober();
    Prober(const Prober&) = delete;
    Prober& operator=(const Prober&) = delete;
    Prober(Prober&&) = delete;
    Prober& operator=(Prober&&) = delete;

    // Starts the process ahead of the first question, which else waits tens of milliseconds for that.
    void prepare();
    // Any number at once (thousands are refused, by an answer). Answered at the latest 1 s after the probe's time-out.
    void ask(const Probe& probe);

    [[nodiscard]] std::uint32_t pid() const; // 0: none is there
    [[nodiscard]] std::optional<Time> next_deadline() const;
    void advance(Time now);

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace nezuban
