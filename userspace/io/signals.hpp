// Signals as something to be read.
#pragma once

#include "core/result.hpp"
#include "io/fd.hpp"

#include <vector>

namespace nezuban {

// SIGTERM, SIGINT, SIGHUP and SIGCHLD, blocked in this thread (and all that it starts later) and read from here.
class SignalFd {
public:
    static Result<SignalFd> open();

    [[nodiscard]] int fd() const {
        return fd_.get();
    }
    // What has arrived, oldest first as far as the kernel tells; each at most once, however often it was sent. Empty
    // when nothing has.
    [[nodiscard]] std::vector<int> read() const;

private:
    explicit SignalFd(Fd fd) : fd_(std::move(fd)) {}
    Fd fd_;
};

// For a helper process that ends when its work ends, and not when somebody signals the whole group: SIGTERM, SIGINT,
// SIGHUP and SIGPIPE are ignored, and so is SIGXFSZ, which would turn a file size limit into a death.
void ignore_signals();

} // namespace nezuban
