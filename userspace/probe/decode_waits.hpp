// From the bytes of a wait scan to values: pure, and the only place that knows both.
#pragma once

#include "core/wait.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

struct nz_wait;
struct nz_socket;

namespace nezuban {

struct ToldThread {
    ThreadWait wait;
    std::uint32_t why = 0; // enum nz_wait_why
};

// Takes a record off the front. Absent: nothing is left, or a cut one.
[[nodiscard]] std::optional<ToldThread> take_thread(std::span<const std::byte>& bytes);

// The sockets of one pass. Whether a connection was accepted here is known when all listening ones have been seen.
class SocketPass {
public:
    using Sink = std::function<void(SocketQueue)>;

    // Of those with work in their queue, all but TCP connections go to the sink at once.
    void add(const nz_socket& socket, const Sink& sink);
    // The end of the pass: the connections.
    void finish(const Sink& sink);

private:
    struct Connection {
        SocketQueue queue;
        std::uint16_t port = 0;
    };
    std::set<std::pair<std::uint64_t, std::uint16_t>> served_; // network namespace, port
    std::vector<Connection> connections_;
};

} // namespace nezuban
