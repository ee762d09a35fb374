#include "io/shared_word.hpp"

#include "io/errno.hpp"
#include "io/files.hpp"

#include <string_view>
#include <utility>

#include <sys/mman.h>

namespace nezuban {

Result<SharedWord> SharedWord::create() {
    constexpr std::string_view zero("\0\0\0\0\0\0\0\0", sizeof(Word));
    auto file = memory_file(zero);
    if (!file) return std::unexpected(file.error());
    return open(std::move(*file));
}

Result<SharedWord> SharedWord::open(Fd file) {
    void* page = ::mmap(nullptr, sizeof(Word), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (page == MAP_FAILED) return fail_errno("mapping a shared page");
    return SharedWord(std::move(file), static_cast<Word*>(page));
}

SharedWord::SharedWord(SharedWord&& other) noexcept
    : file_(std::move(other.file_)), word_(std::exchange(other.word_, nullptr)) {}

SharedWord::~SharedWord() {
    if (word_ != nullptr) ::munmap(word_, sizeof(Word));
}

} // namespace nezuban
