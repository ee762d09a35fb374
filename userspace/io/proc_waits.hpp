// The wait scan from /proc: who of all threads is stuck, or may be, slice by slice. As the one by BPF, but nothing says
// since when a thread waits: it is known from the second scan on, that two looks saw it with the same switches.
#pragma once

#include "core/result.hpp"
#include "core/scan_wish.hpp"
#include "core/wait.hpp"
#include "io/proc_files.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace nezuban {

class ProcWaits {
public:
    // Starts a pass over all threads; one under way is given up.
    Result<void> begin_threads(const ScanWish& wish);
    // One slice, about a millisecond. False: that was the end of the pass.
    Result<bool> read_threads(const std::function<void(ThreadWait)>& sink);

private:
    // A wait, or a turn on a processor, seen before.
    struct Seen {
        std::uint64_t start_ns = 0; // of the thread
        ThreadState state = ThreadState::running;
        std::uint64_t switches = 0;
        Time since;
        std::optional<std::uint64_t> reads_and_writes;
    };

    Result<bool> next_process();
    Result<void> look_at(std::uint32_t tid, const std::function<void(ThreadWait)>& sink);
    [[nodiscard]] bool wanted(const ThreadWait& wait) const;
    void measure(ThreadWait& wait, std::optional<std::uint64_t> reads_and_writes);

    ScanWish wish_;
    std::unordered_set<std::uint32_t> processes_asked_;
    std::unordered_set<std::uint32_t> threads_asked_;
    ProcNumbers processes_;
    ProcNumbers threads_; // of the process that is looked at
    std::optional<ProcFolder> folder_;
    Identity process_;
    int work_ = 0;                                   // files read in this slice
    int stacks_ = 0;                                 // read in this pass
    std::unordered_map<std::uint32_t, Seen> before_; // by tid; in the last pass
    std::unordered_map<std::uint32_t, Seen> now_;
};

} // namespace nezuban
