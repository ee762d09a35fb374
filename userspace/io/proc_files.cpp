#include "io/proc_files.hpp"

#include "io/errno.hpp"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nezuban {

namespace {

// What /proc says of who has ended.
bool gone(int number) {
    return number == ENOENT || number == ESRCH;
}

std::array<char, 32> path_of(std::uint32_t pid, const char* rest) {
    std::array<char, 32> path{};
    std::snprintf(path.data(), path.size(), "/proc/%u%s", pid, rest);
    return path;
}

} // namespace

Result<std::optional<ProcFolder>> ProcFolder::open(const char* path) {
    Fd folder(::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (folder) return ProcFolder(std::move(folder));
    if (gone(errno)) return std::nullopt;
    return fail_errno(std::string("opening ") + path);
}

Result<std::optional<ProcFolder>> ProcFolder::of_process(std::uint32_t pid) {
    return open(path_of(pid, "").data());
}

Result<std::optional<ProcFolder>> ProcFolder::tasks_of(std::uint32_t pid) {
    return open(path_of(pid, "/task").data());
}

Result<std::optional<std::string_view>> ProcFolder::read(const char* name) {
    const Fd file(::openat(folder_.get(), name, O_RDONLY | O_CLOEXEC));
    if (!file) {
        if (gone(errno)) return std::nullopt;
        return fail_errno(std::string("opening a task's ") + name);
    }
    std::size_t size = 0;
    while (size < text_->size()) {
        const auto got = ::read(file.get(), text_->data() + size, text_->size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && gone(errno)) return std::nullopt;
        if (got < 0) return fail_errno(std::string("reading a task's ") + name);
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    return std::string_view(text_->data(), size);
}

std::uint64_t ProcFolder::inode(const char* name) const {
    struct stat info{};
    return ::fstatat(folder_.get(), name, &info, 0) == 0 ? info.st_ino : 0;
}

Result<ProcNumbers> ProcNumbers::open(const char* path) {
    ProcNumbers numbers;
    numbers.folder_.reset(::opendir(path));
    if (!numbers && !gone(errno)) return fail_errno(std::string("listing ") + path);
    return numbers;
}

Result<ProcNumbers> ProcNumbers::threads_of(std::uint32_t pid) {
    return open(path_of(pid, "/task").data());
}

Result<std::optional<std::uint32_t>> ProcNumbers::next() {
    while (folder_ != nullptr) {
        errno = 0;
        const auto* entry = ::readdir(folder_.get()); // NOLINT(concurrency-mt-unsafe): ours alone
        if (entry == nullptr) {
            const int number = errno;
            folder_.reset();
            if (number != 0 && !gone(number)) return fail_errno("listing tasks", number);
            break;
        }
        const auto* end = entry->d_name + std::strlen(entry->d_name);
        std::uint32_t number = 0;
        if (const auto [stop, error] = std::from_chars(entry->d_name, end, number); error == std::errc() && stop == end)
            return number;
    }
    return std::nullopt;
}

} // namespace nezuban
