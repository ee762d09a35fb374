// One prober's process, as the watcher holds it.
#pragma once

#include "core/result.hpp"
#include "io/fd.hpp"
#include "io/helper_process.hpp"
#include "io/spawner.hpp"
#include "report/wire.hpp"

#include <cstdint>
#include <memory>
#include <utility>

namespace nezuban {

struct ProberHelper {
    Fd socket;
    HelperProcess child;
    std::uint32_t pid = 0; // 0: the spawner has not answered yet
    bool failed = false;   // it was never started
    bool killed = false;
    wire::Frames received;

    explicit ProberHelper(Fd its_socket) : socket(std::move(its_socket)) {}

    void kill() {
        killed = true;
        child.kill();
    }
    [[nodiscard]] bool ended() {
        return failed || (pid != 0 && child.ended());
    }
};

// Can be spoken to at once. Shared with the spawner's answer, which may come when it was given up already.
[[nodiscard]] Result<std::shared_ptr<ProberHelper>> start_prober(Spawner& spawner);

} // namespace nezuban
