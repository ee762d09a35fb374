// The process connector: the kernel's own messages of fork, exec, exit, rename and change of owner, without BPF. They
// name numbers only; who that is has to be read elsewhere, after the fact.
#pragma once

#include "core/result.hpp"
#include "core/time.hpp"
#include "probe/owned.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

namespace nezuban {

struct ProcMessage {
    enum class Kind { fork, exec, exit, rename, owner };

    Kind kind = Kind::fork;
    Time time;                // CLOCK_MONOTONIC, as of tracepoints
    std::uint32_t tid = 0;    // whom it happened to; of a fork, the child
    std::uint32_t pid = 0;    // its process
    std::uint32_t parent = 0; // of a fork: the process whose child it is
    int status = 0;           // of an exit, as for wait: of this thread
};

// Of one datagram. Absent: none of these kinds, or not a message of the process connector.
[[nodiscard]] std::optional<ProcMessage> decode_connector(std::span<const std::byte> datagram);

class Connector {
public:
    // buffer: bytes of kernel memory for what is not yet read. An error: no CONFIG_PROC_EVENTS, no CAP_NET_ADMIN, not
    // the first network or pid namespace; then it may take 50 ms to know.
    static Result<Connector> open(std::size_t buffer);
    ~Connector();
    Connector(Connector&&) noexcept = default;
    Connector& operator=(Connector&&) = delete;
    Connector(const Connector&) = delete;
    Connector& operator=(const Connector&) = delete;

    // Readable when there is something to drain.
    [[nodiscard]] int descriptor() const {
        return socket_.get();
    }

    // At most `most` messages, those of no interest included, in the order in which they were sent. Returns how many
    // there were; `most`: there may be more.
    std::size_t drain(std::size_t most, const std::function<void(const ProcMessage&)>& sink);

    // Messages that found the buffer full, since the last call. Of which kind they were nobody knows.
    [[nodiscard]] std::uint64_t take_losses();

private:
    explicit Connector(Descriptor socket) : socket_(std::move(socket)) {}

    Descriptor socket_;
    std::uint32_t losses_told_ = 0;
};

} // namespace nezuban
