// The list of processes from /proc, read slice by slice: for where the kernel's own can't be had.
#pragma once

#include "core/event.hpp"
#include "core/result.hpp"

#include <functional>
#include <memory>

namespace nezuban {

class ProcNumbers;

class ProcList {
public:
    ProcList();
    ~ProcList();
    ProcList(ProcList&&) noexcept;
    ProcList& operator=(ProcList&&) noexcept;

    // Starts a pass from the beginning; one under way is given up.
    Result<void> begin();
    [[nodiscard]] bool under_way() const;

    // Some 40 processes, about a millisecond. False: that was the end of the pass. Each is as it was during this call.
    // Left out are those that run in their parent's memory until they execute something: nobody's copy yet.
    Result<bool> read_slice(const std::function<void(SnapshotTask)>& sink);

private:
    std::unique_ptr<ProcNumbers> numbers_;
};

} // namespace nezuban
