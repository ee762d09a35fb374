// A helper's process, as the watcher holds it.
#pragma once

#include "core/result.hpp"
#include "io/fd.hpp"
#include "io/helper_process.hpp"
#include "io/spawner.hpp"
#include "report/wire.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace nezuban {

struct Helper {
    Fd socket;
    HelperProcess child;
    std::uint32_t pid = 0; // 0: the spawner has not answered yet
    bool failed = false;   // it was never started
    bool killed = false;
    wire::Frames received;

    void kill() {
        killed = true;
        child.kill();
    }
    [[nodiscard]] bool ended() {
        return failed || (pid != 0 && child.ended());
    }
};

// Our own program in another role.
struct HelperRole {
    std::string name; // its first argument
    std::vector<std::pair<std::string, std::string>> environment = {};
    std::vector<Fd> extra = {};
};

// Can be spoken to at once. Shared with the spawner's answer, which may come when it was given up already.
[[nodiscard]] Result<void> start_helper(Spawner& spawner, HelperRole role, const std::shared_ptr<Helper>& helper);

} // namespace nezuban
