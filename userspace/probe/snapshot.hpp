// The kernel's own list of processes, read slice by slice so that nothing waits for 20,000 of them.
#pragma once

#include "core/event.hpp"
#include "core/result.hpp"

#include <functional>
#include <memory>

namespace nezuban {

class Snapshot {
public:
    static Result<Snapshot> load();
    ~Snapshot();
    Snapshot(Snapshot&&) noexcept;
    Snapshot& operator=(Snapshot&&) noexcept;

    // Starts a pass from the beginning; one under way is given up.
    Result<void> begin();
    [[nodiscard]] bool under_way() const;

    // Some 580 processes (a quarter of a millisecond). False: that was the end of the pass.
    // Each is as it was during this call: the kernel keeps nothing back for the next one.
    Result<bool> read_slice(const std::function<void(SnapshotTask)>& sink);

private:
    struct State;
    explicit Snapshot(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

} // namespace nezuban
