#include "io/files.hpp"

#include "io/clock.hpp"
#include "io/errno.hpp"

#include <array>
#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nezuban {

namespace {

constexpr auto lock_retry_ms = 20;

Result<void> write_whole(int fd, std::string_view content, const std::string& what) {
    while (!content.empty()) {
        auto size = ::write(fd, content.data(), content.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return fail_errno("writing " + what);
        content.remove_prefix(static_cast<std::size_t>(size));
    }
    return {};
}

std::string pid_inside(int fd) {
    std::array<char, 16> text{};
    auto size = ::pread(fd, text.data(), text.size(), 0);
    std::string pid(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    return pid.substr(0, pid.find_first_not_of("0123456789"));
}

} // namespace

Result<std::string> read_file(const std::string& path, std::size_t limit) {
    // Non-blocking, for the moment between open and fstat: a FIFO would hold us for ever.
    Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) return fail_errno("opening " + path);
    struct stat info{};
    if (::fstat(fd.get(), &info) != 0) return fail_errno("looking at " + path);
    if (S_ISDIR(info.st_mode)) return fail(path + " is a directory", EISDIR);
    if (!S_ISREG(info.st_mode)) return fail(path + " is no regular file", EINVAL);
    std::string content;
    std::array<char, 65536> piece{};
    for (;;) {
        auto size = ::read(fd.get(), piece.data(), piece.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return fail_errno("reading " + path);
        if (size == 0) return content;
        content.append(piece.data(), static_cast<std::size_t>(size));
        if (content.size() > limit) {
            return fail(path + " has more than " + std::to_string(limit) + " bytes", EFBIG);
        }
    }
}

std::optional<FileId> file_id(const std::string& path) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) return std::nullopt;
    return FileId{.device = info.st_dev, .number = info.st_ino};
}

Result<std::vector<std::string>> expand_glob(const std::string& pattern) {
    glob_t found{};
    auto matters = [](const char*, int error) { return error == ENOENT || error == ENOTDIR ? 0 : 1; };
    int outcome = ::glob(pattern.c_str(), 0, matters, &found);
    int number = errno;
    std::vector<std::string> paths;
    if (outcome == 0) paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    ::globfree(&found);
    if (outcome == 0 || outcome == GLOB_NOMATCH) return paths;
    return fail_errno("reading what matches " + pattern, outcome == GLOB_NOSPACE ? ENOMEM : number);
}

Result<void> make_directories(const std::string& path, std::uint32_t mode) {
    std::filesystem::path so_far;
    for (const auto& part : std::filesystem::path(path)) {
        so_far /= part;
        if (::mkdir(so_far.c_str(), mode) == 0) {
            // Not by name: where others may write, it may be a link by now.
            const Fd made(::open(so_far.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
            if (!made || ::fchmod(made.get(), mode) != 0) return fail_errno("setting the mode of " + so_far.string());
            continue;
        }
        int number = errno;
        struct stat info{};
        if (::stat(so_far.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) continue;
        return fail_errno("creating directory " + so_far.string(), number);
    }
    return {};
}

Result<void> create_private(const std::string& path) {
    const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!fd && errno != EEXIST) return fail_errno("creating " + path);
    return {};
}

Result<void> remove_file(const std::string& path) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno("removing " + path);
    return {};
}

Result<Fd> lock_file(const std::string& path, Duration patience) {
    Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640));
    // A file system that turned read-only, as many do after an error of their disk: what is there is locked all the
    // same.
    if (!fd && errno == EROFS) {
        fd = Fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
        if (!fd && errno == ENOENT) return fail_errno("creating " + path, EROFS);
    }
    if (!fd && errno == ELOOP) return fail(path + " is a link", ELOOP); // what it leads to would be cut short
    if (!fd) return fail_errno("opening " + path);
    auto deadline = monotonic_now() + patience;
    while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        int number = errno;
        if (number != EWOULDBLOCK && number != EINTR) return fail_errno("locking " + path, number);
        if (monotonic_now() >= deadline) {
            auto holder = pid_inside(fd.get());
            return fail(path + " is locked by " + (holder.empty() ? "another process" : "process " + holder),
                        EWOULDBLOCK);
        }
        ::poll(nullptr, 0, lock_retry_ms);
    }
    // What was inside is another's, and may be longer than ours. The lock holds even when this can't be written.
    if (::ftruncate(fd.get(), 0) == 0) {
        auto pid = std::to_string(::getpid()) + "\n";
        [[maybe_unused]] auto size = ::pwrite(fd.get(), pid.data(), pid.size(), 0);
    }
    return fd;
}

Result<Fd> memory_file(std::string_view content) {
    Fd fd(::memfd_create("nezuban-input", MFD_CLOEXEC));
    if (!fd) return fail_errno("creating a file in memory");
    if (auto written = write_whole(fd.get(), content, "a file in memory"); !written) {
        return std::unexpected(written.error());
    }
    if (::lseek(fd.get(), 0, SEEK_SET) != 0) return fail_errno("rewinding a file in memory");
    return fd;
}

Result<Fd> open_null() {
    Fd fd(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!fd) return fail_errno("opening /dev/null");
    return fd;
}

Result<void> make_nonblocking(int fd) {
    int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return fail_errno("making a descriptor non-blocking");
    return {};
}

} // namespace nezuban
