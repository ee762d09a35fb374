// A text that one process publishes in a file and any others read, at any moment, without asking it.
//
// Two halves are written in turn, each with its number and checksum; the header says which one is the latest. So a
// reader never waits, never takes a half-written text for one, and still finds the last whole one when the writer died
// in the middle. Reads and writes, no mapping: of a file that somebody cuts short, a mapping would kill whoever looks.
#pragma once

#include "core/result.hpp"
#include "core/time.hpp"
#include "io/fd.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nezuban {

// The writer's side. No memory is asked of the kernel after create: the pages are there, and locked.
class SharedPage {
public:
    // Replaces whatever has that name, mode 0600. capacity: of a text, in bytes.
    static Result<SharedPage> create(const std::string& path, std::size_t capacity);
    ~SharedPage();
    SharedPage(SharedPage&& other) noexcept;
    SharedPage& operator=(SharedPage&& other) noexcept;
    SharedPage(const SharedPage&) = delete;
    SharedPage& operator=(const SharedPage&) = delete;

    // A text beyond the capacity is an error (EMSGSIZE), and nothing has changed.
    Result<void> publish(std::string_view text);
    // The writer is alive.
    void beat(Time now);

    // Somebody has removed the file, or put another one in its place.
    [[nodiscard]] bool lost() const;
    [[nodiscard]] std::size_t capacity() const {
        return capacity_;
    }
    // What may make writing wait: one sentence, or empty.
    [[nodiscard]] const std::string& weakness() const {
        return weakness_;
    }

private:
    SharedPage(Fd file, std::size_t capacity) : file_(std::move(file)), capacity_(capacity) {}
    Result<void> reserve(const std::string& path);
    Result<void> write_header();

    Fd file_;
    std::size_t capacity_ = 0;
    void* locked_ = nullptr; // a mapping that nobody touches: it keeps the pages in memory
    std::uint64_t latest_ = 0;
    std::int64_t beat_ = 0;
    std::uint64_t started_ = 0; // our own start, see ProcessState
    std::string weakness_;
};

struct PageCopy {
    std::uint32_t pid = 0; // the writer's
    std::uint64_t started = 0;
    Time beat;
    std::string text;
};

// Only of a regular file that belongs to root or to us and that nobody else may write. Error::number: ENOENT, EACCES;
// EPROTONOSUPPORT for one of another version; EBADMSG for one that is damaged, or was written all the time.
[[nodiscard]] Result<PageCopy> read_shared_page(const std::string& path);

} // namespace nezuban
