// A child of ours that may hang in the kernel: ended and let go without ever waiting for it.
#pragma once

#include "io/fd.hpp"

#include <cstdint>

namespace nezuban {

class HelperProcess {
public:
    HelperProcess() = default;
    // A pid that is no child of ours (any more) counts as ended: it may be somebody else's by now.
    explicit HelperProcess(std::uint32_t pid);

    // SIGKILL. Whether, and when, it ends is another matter.
    void kill() const;
    // Lets it go if it has ended.
    [[nodiscard]] bool ended();

private:
    Fd pidfd_;
};

// For a helper: the scheduling of every other program, whatever its parent had, at this niceness or as near to it as we
// are allowed to get.
void run_among_others(int niceness);

} // namespace nezuban
