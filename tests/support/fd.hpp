// Descriptors and deadlines of the tests: every wait ends, and ends by an event where there is one.
#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include <poll.h>
#include <system_error>
#include <unistd.h>

namespace nezuban::test {

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;

// Generous: it is reached only when something is broken, never to assert that something is fast.
// NEZUBAN_PATIENCE: so many times as much, on a machine that is so much slower.
inline const std::chrono::seconds patience = [] {
    const char* factor = std::getenv("NEZUBAN_PATIENCE");
    return std::chrono::seconds(20) * std::max(1, factor == nullptr ? 1 : std::atoi(factor));
}();

inline Deadline after(Clock::duration span = patience) {
    return Clock::now() + span;
}

[[noreturn]] inline void fail_with_errno(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

class Fd {
public:
    Fd() = default;
    explicit Fd(int number) : number_(number) {}
    ~Fd() {
        close();
    }
    Fd(Fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        if (this != &other) {
            close();
            number_ = std::exchange(other.number_, -1);
        }
        return *this;
    }
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;

    [[nodiscard]] int get() const {
        return number_;
    }
    void close() {
        if (number_ >= 0) ::close(std::exchange(number_, -1));
    }

private:
    int number_ = -1;
};

// False: the deadline came first. True also at the end of a stream. other, when given, ends the waiting as well.
inline bool wait_readable(int fd, Deadline deadline, int other = -1) {
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
        pollfd entries[] = {{.fd = fd, .events = POLLIN, .revents = 0}, {.fd = other, .events = POLLIN, .revents = 0}};
        const int ready = ::poll(entries, 2, left > 0 ? static_cast<int>(left) : 0);
        if (ready > 0) return true;
        if (ready == 0) return false;
        if (errno != EINTR) fail_with_errno("poll");
    }
}

// Lines out of a descriptor that may deliver them in pieces.
class LineReader {
public:
    explicit LineReader(Fd fd) : fd_(std::move(fd)) {}

    // Absent at the end of the stream; throws at the deadline, saying what had come until then.
    std::optional<std::string> next(Deadline deadline) {
        for (;;) {
            if (const auto end = buffer_.find('\n'); end != std::string::npos) {
                std::string line = buffer_.substr(0, end);
                buffer_.erase(0, end + 1);
                return line;
            }
            if (!fill(deadline)) {
                if (buffer_.empty()) return std::nullopt;
                return std::exchange(buffer_, {});
            }
        }
    }

    std::string rest(Deadline deadline) {
        while (fill(deadline)) {
        }
        return std::exchange(buffer_, {});
    }

    [[nodiscard]] int fd() const {
        return fd_.get();
    }

private:
    bool fill(Deadline deadline) {
        if (!wait_readable(fd_.get(), deadline))
            throw std::runtime_error("no answer in time; so far: '" + buffer_ + "'");
        char bytes[4096];
        const ssize_t got = ::read(fd_.get(), bytes, sizeof bytes);
        if (got < 0 && errno == EINTR) return true;
        if (got < 0) fail_with_errno("read");
        buffer_.append(bytes, static_cast<std::size_t>(got));
        return got > 0;
    }

    Fd fd_;
    std::string buffer_;
};

} // namespace nezuban::test
