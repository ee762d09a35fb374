// Stall tracking on sched_switch: who is watched has something kept of him in the kernel, nobody else pays
// (bpf/sched.bpf.c).
#pragma once

#include "core/event.hpp"
#include "core/identity.hpp"
#include "core/result.hpp"
#include "core/wait.hpp"
#include "probe/decode.hpp"
#include "probe/features.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <vector>

namespace nezuban {

struct ProgramCost;

class Stalls {
public:
    // Loaded for as long as this lives, with a small ring of its own; attached to the context switch only while
    // somebody is watched or followed, so that nobody pays for nothing. The first and the last of them cost up to 10 ms
    // (a grace period of the kernel's). An error: this kernel can't; the daemon then goes on without, and says so.
    static Result<Stalls> attach(const Features& features);
    ~Stalls();
    Stalls(Stalls&&) noexcept;
    Stalls& operator=(Stalls&&) noexcept;

    // Readable when a stall has ended.
    [[nodiscard]] int descriptor() const;
    std::size_t drain(std::size_t most, const std::function<void(Stamped)>& sink); // Stalled events

    // From now on: its stalls are recorded, one of at least the threshold is told when it ends. Again: a new threshold.
    // ESRCH: nobody of that identity is left.
    Result<void> watch(const Identity& process, Duration threshold);
    Result<void> forget(const Identity& process);
    Result<void> forget_all_but(const std::set<Identity>& kept);
    // Tells once when this thread gets back on a processor. At most 1,024 at a time; beyond that an error.
    Result<void> follow(const Identity& process, const ThreadId& thread);

    // Proves that a thread which burns its processor makes no system call. The first one attaches a program to every
    // system call of the machine and the last one takes it off again: up to 10 ms each, and some 25 ns on each system
    // call of anybody in between. At most 64 threads at a time; beyond that an error.
    Result<void> count_syscalls(const Identity& process, const ThreadId& thread);
    [[nodiscard]] std::optional<std::uint64_t> syscalls_of(const ThreadId& thread) const; // since it is counted
    void stop_counting(const Identity& process, const ThreadId& thread);

    // How long each watched process (that is still there) has been silent, and its record. What is shorter than 64 ms
    // counts as no silence at all, and jiffies are counted: 4 ms or so. Some 5 µs a process.
    Result<std::vector<Silence>> silences();
    [[nodiscard]] std::optional<Silence> silence_of(const Identity& process) const;

    // Records that found the ring full. A followed thread is told by its next switch then; the end of a silence is not,
    // but the silence is over for whoever asks.
    [[nodiscard]] std::uint64_t lost() const;

    [[nodiscard]] std::vector<ProgramCost> costs() const;
    [[nodiscard]] std::uint64_t map_bytes() const;

private:
    struct State;
    explicit Stalls(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

} // namespace nezuban
