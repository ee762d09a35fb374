// A file descriptor that closes itself.
#pragma once

#include <utility>

namespace nezuban {

class Fd {
public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    ~Fd() {
        reset();
    }
    Fd(Fd&& other) noexcept : fd_(other.release()) {}
    Fd& operator=(Fd&& other) noexcept {
        if (this != &other) reset(other.release());
        return *this;
    }
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;

    [[nodiscard]] int get() const {
        return fd_;
    }
    [[nodiscard]] explicit operator bool() const {
        return fd_ >= 0;
    }
    [[nodiscard]] int release() {
        return std::exchange(fd_, -1);
    }
    void reset(int fd = -1);

    // Another descriptor of the same open file, closed on exec. Empty when there is none left to be had.
    [[nodiscard]] Fd duplicate() const;

private:
    int fd_ = -1;
};

} // namespace nezuban
