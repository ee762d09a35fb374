// The examiner: a process of ours that may block, so that the watcher never does. It is asked for what lies in the
// memory of suspicious threads and behind their descriptors, and answers in its own time; one that has not answered for
// a while is left behind, with whom it was looking at remembered as not to be looked at, and replaced.
#pragma once

#include "core/time.hpp"
#include "core/wait.hpp"
#include "io/loop.hpp"
#include "io/spawner.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nezuban {

// The process itself: answers on standard input's socket until its end.
int examiner_main();

class Examiner {
public:
    // done: called from the loop with the completed scan, one call for each complete(). The loop and the spawner
    // outlive this. log: what an operator should know (the examiner hangs on pid N).
    Examiner(Loop& loop, Spawner& spawner, std::function<void(WaitScan)> done, std::function<void(std::string)> log);
    ~Examiner();
    Examiner(const Examiner&) = delete;
    Examiner& operator=(const Examiner&) = delete;
    Examiner(Examiner&&) = delete;
    Examiner& operator=(Examiner&&) = delete;

    // Fills in LockWait and object of the scan's threads, and its beats. Always ends in done: at the latest after
    // `patience` (1 s) with what is known by then. One at a time: a second call while busy() is an error of the caller.
    void complete(WaitScan scan, const std::vector<std::string>& beat_files);
    [[nodiscard]] bool busy() const;

    [[nodiscard]] std::uint32_t pid() const; // 0: none is there
    [[nodiscard]] std::optional<Time> next_deadline() const;
    void advance(Time now);

private:
    struct State;
    std::unique_ptr<State> state_;
};

// The same without a process, for who may wait (`explain`, in a child of its own).
void complete_blocking(WaitScan& scan, const std::vector<std::string>& beat_files);

} // namespace nezuban
