// Where processes send their sign of life, in the manner of sd_notify: WATCHDOG=1 as a datagram. The kernel says who
// sent it.
#pragma once

#include "core/result.hpp"
#include "io/fd.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace nezuban {

class NotifySocket {
public:
    // Anybody may send (0666): a message counts for its sender alone. Replaces what is left there of an earlier run.
    // guard gets the descriptor before anybody can send. It has to keep out what carries descriptors: closed here, one
    // of a socket that lingers or of a file of FUSE would keep us waiting for as long as its sender likes.
    static Result<NotifySocket> open(const std::string& path, const std::function<void(int)>& guard);
    ~NotifySocket();
    NotifySocket(NotifySocket&&) noexcept = default;
    NotifySocket& operator=(NotifySocket&&) noexcept = default;

    [[nodiscard]] int descriptor() const {
        return fd_.get();
    }
    [[nodiscard]] const std::string& path() const {
        return path_;
    }
    // Who has sent WATCHDOG=1, each once: at most `most` messages are read. Other messages are dropped.
    [[nodiscard]] std::vector<std::uint32_t> read_beats(std::size_t most) const;

private:
    NotifySocket(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

    Fd fd_;
    std::string path_;
};

} // namespace nezuban
