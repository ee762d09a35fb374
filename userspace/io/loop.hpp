// The one thread's wheel: whoever waits for a descriptor is called when it is ready.
#pragma once

#include "core/result.hpp"
#include "core/time.hpp"
#include "io/fd.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>

namespace nezuban {

// What a descriptor can be ready for; the values are those of EPOLLIN and its kin. error and hangup are told, too.
namespace ready {
inline constexpr std::uint32_t in = 0x001;
inline constexpr std::uint32_t out = 0x004;
inline constexpr std::uint32_t error = 0x008;
inline constexpr std::uint32_t hangup = 0x010;
} // namespace ready

class Loop {
public:
    using Callback = std::function<void(std::uint32_t)>;

    static Result<Loop> create();

    // Level-triggered. The descriptor stays the caller's, who calls forget before closing it. Watching one that is
    // watched already replaces events and callback.
    Result<void> watch(int fd, std::uint32_t events, Callback callback);
    // No events: not told of anything, errors neither, until others are asked for.
    Result<void> modify(int fd, std::uint32_t events);
    // Never called again, not even for what this step found ready. Unknown descriptors are fine.
    void forget(int fd);

    // Waits until something is ready or the deadline (none: for ever) has come, and calls whoever is concerned, once
    // each. A signal that is caught ends the wait early, which is no error. Callbacks may watch and forget anything.
    Result<void> step(std::optional<Time> deadline);

private:
    struct Watcher {
        std::uint64_t token = 0;
        std::uint32_t events = 0;
        std::shared_ptr<Callback> callback; // shared: one that forgets itself has to survive its own call
    };

    Loop(Fd epoll, Fd timer) : epoll_(std::move(epoll)), timer_(std::move(timer)) {}
    Result<void> arm(std::optional<Time> deadline);

    Fd epoll_;
    Fd timer_;
    std::optional<Time> armed_;
    // Events name the watcher by token, not by descriptor: a number closed and opened again within a step is
    // somebody else.
    std::unordered_map<int, Watcher> watchers_;
    std::unordered_map<std::uint64_t, std::shared_ptr<Callback>> by_token_;
    std::uint64_t next_token_ = 1;
};

} // namespace nezuban
