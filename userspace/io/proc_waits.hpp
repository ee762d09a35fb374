// The wait scan from /proc: who of all threads is stuck, or may be, slice by slice. As the one by BPF, but nothing says
// since when a thread waits: it is known from the second scan on, that two looks saw it with the same switches. Never
// blocks: what could is left to be read (ThreadWait::to_read).
#pragma once

#include "core/result.hpp"
#include "core/scan_wish.hpp"
#include "core/wait.hpp"

#include <functional>
#include <memory>

namespace nezuban {

class ProcWaits {
public:
    ProcWaits();
    ~ProcWaits();
    ProcWaits(ProcWaits&&) noexcept;
    ProcWaits& operator=(ProcWaits&&) noexcept;

    // Starts a pass over all threads; one under way is given up.
    Result<void> begin_threads(const ScanWish& wish);
    // One slice, about a millisecond. False: that was the end of the pass.
    Result<bool> read_threads(const std::function<void(ThreadWait)>& sink);

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace nezuban
