// A helper's process, as the watcher holds it.
#pragma once

#include "core/result.hpp"
#include "io/fd.hpp"
#include "io/helper_process.hpp"
#include "io/spawner.hpp"
#include "report/wire.hpp"

#include <cstddef>
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

// Those that were given up and are not known to have ended: not even SIGKILL ends who waits for a dead disk.
template <typename One> class StuckHelpers {
public:
    // Also one whose end of the socket is closed, or that talks nonsense.
    void give_up(const std::shared_ptr<One>& one) {
        one->kill();
        if (!one->ended()) all_.push_back(one);
    }
    void let_go() {
        std::erase_if(all_, [](const auto& one) { return one->ended(); });
    }
    // None should be started beside them.
    [[nodiscard]] bool too_many() {
        let_go();
        if (all_.size() < most) told_ = false;
        return all_.size() >= most;
    }
    // That there are too many: once, until there aren't.
    [[nodiscard]] bool to_be_told() {
        return !std::exchange(told_, true);
    }
    [[nodiscard]] const std::vector<std::shared_ptr<One>>& all() const {
        return all_;
    }

private:
    static constexpr std::size_t most = 8;

    std::vector<std::shared_ptr<One>> all_;
    bool told_ = false;
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
