// Room for what one read of a BPF iterator returns.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <unistd.h>

namespace nezuban {

// The kernel collects records in a buffer of 8 of its pages, of 4, 16 or 64 KiB on arm64, and hands all of them over. A
// smaller read would cut a record in two and leave others there, that are old news by the time of the next read.
class SeqBuffer {
public:
    SeqBuffer() : bytes_(8 * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))) {}

    [[nodiscard]] std::byte* data() {
        return bytes_.data();
    }
    [[nodiscard]] std::size_t size() const {
        return bytes_.size();
    }
    [[nodiscard]] std::span<const std::byte> first(std::size_t count) const {
        return std::span(bytes_).first(count);
    }

private:
    std::vector<std::byte> bytes_;
};

} // namespace nezuban
