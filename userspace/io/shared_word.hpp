// A number in memory that two processes share: one writes it without a system call, the other reads it when it has to.
#pragma once

#include "core/result.hpp"
#include "io/fd.hpp"

#include <atomic>
#include <cstdint>

namespace nezuban {

class SharedWord {
public:
    [[nodiscard]] static Result<SharedWord> create();
    // Of a descriptor that came from file().duplicate().
    [[nodiscard]] static Result<SharedWord> open(Fd file);
    ~SharedWord();
    SharedWord(SharedWord&& other) noexcept;
    SharedWord& operator=(SharedWord&&) = delete;
    SharedWord(const SharedWord&) = delete;
    SharedWord& operator=(const SharedWord&) = delete;

    void store(std::uint64_t value) {
        word_->store(value, std::memory_order_release);
    }
    [[nodiscard]] std::uint64_t load() const {
        return word_->load(std::memory_order_acquire);
    }
    [[nodiscard]] const Fd& file() const {
        return file_;
    }

private:
    using Word = std::atomic<std::uint64_t>;
    static_assert(Word::is_always_lock_free && sizeof(Word) == sizeof(std::uint64_t));

    SharedWord(Fd file, Word* word) : file_(std::move(file)), word_(word) {}

    Fd file_;
    Word* word_; // the beginning of a mapped page
};

} // namespace nezuban
