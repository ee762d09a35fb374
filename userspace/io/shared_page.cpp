#include "io/shared_page.hpp"

#include "io/errno.hpp"
#include "io/own_process.hpp"
#include "io/process_state.hpp"

#include <array>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <unistd.h>

namespace nezuban {

namespace {

constexpr std::uint64_t magic = 0x45474150'5550595aULL;
constexpr std::uint32_t version = 1;
constexpr std::size_t capacity_max = 64U << 20U;
constexpr int tries = 20; // each fails only when two texts were published meanwhile

struct Header {
    std::uint64_t magic = nezuban::magic;
    std::uint32_t version = nezuban::version;
    std::uint32_t pid = 0;
    std::uint64_t started = 0;
    std::uint64_t capacity = 0;
    std::int64_t beat = 0;
    std::uint64_t latest = 0; // its half is that of its lowest bit
};

struct Half {
    std::uint64_t number = 0;
    std::uint64_t size = 0;
    std::uint64_t checksum = 0;
};

off_t place_of(std::uint64_t number, std::size_t capacity) {
    return static_cast<off_t>(sizeof(Header) + (number & 1U) * (sizeof(Half) + capacity));
}

std::size_t file_size(std::size_t capacity) {
    return static_cast<std::size_t>(place_of(1, capacity)) + sizeof(Half) + capacity;
}

// Against halves that were being written and against accidents, not against forgers: those can't write the file.
std::uint64_t checksum_of(const Half& half, std::string_view text) {
    constexpr std::uint64_t prime = 0x9e3779b97f4a7c15ULL;
    std::uint64_t sum = half.number * prime + half.size;
    while (!text.empty()) {
        std::uint64_t word = 0;
        const auto size = std::min(text.size(), sizeof word);
        std::memcpy(&word, text.data(), size);
        sum = (sum ^ word) * prime;
        sum ^= sum >> 29U;
        text.remove_prefix(size);
    }
    return sum;
}

bool read_whole(int fd, void* into, std::size_t size, off_t at) {
    return ::pread(fd, into, size, at) == static_cast<ssize_t>(size);
}

Result<void> trust(int fd, const std::string& path) {
    struct stat info{};
    if (::fstat(fd, &info) != 0) return fail_errno("looking at " + path);
    if (!S_ISREG(info.st_mode)) return fail(path + " is no regular file", EBADMSG);
    if (info.st_uid != 0 && info.st_uid != ::geteuid())
        return fail(path + " belongs neither to root nor to us", EACCES);
    if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) return fail(path + " can be written by others", EACCES);
    return {};
}

} // namespace

Result<SharedPage> SharedPage::create(const std::string& path, std::size_t capacity) {
    // Made aside and moved: a reader finds the former file or this one, and no link that somebody put there is
    // followed.
    const auto draft = path + ".new";
    ::unlink(draft.c_str());
    Fd file(::open(draft.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file) return fail_errno("creating " + draft);
    SharedPage page(std::move(file), capacity);
    auto made = page.reserve(path);
    if (made) made = page.publish({});
    if (made && ::rename(draft.c_str(), path.c_str()) != 0) made = fail_errno("moving " + draft + " to " + path);
    if (made) return page;
    ::unlink(draft.c_str());
    return std::unexpected(made.error());
}

Result<void> SharedPage::reserve(const std::string& path) {
    const auto size = file_size(capacity_);
    if (const int number = ::posix_fallocate(file_.get(), 0, static_cast<off_t>(size)); number != 0)
        return fail_errno("reserving memory for " + path, number);
    if (const auto self = read_process_state(own_pid())) started_ = self->started;
    struct statfs system{};
    const bool in_memory =
        ::fstatfs(file_.get(), &system) == 0
        && (system.f_type == TMPFS_MAGIC || static_cast<unsigned long>(system.f_type) == RAMFS_MAGIC);
    if (!in_memory) weakness_ = path + " lies on a disk, which may keep the watcher waiting: a tmpfs like /run doesn't";
    void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file_.get(), 0);
    if (mapped != MAP_FAILED) locked_ = mapped;
    if ((mapped == MAP_FAILED || ::mlock(mapped, size) != 0) && weakness_.empty())
        weakness_ = "keeping " + path + " in memory: " + errno_text(errno);
    return {};
}

SharedPage::SharedPage(SharedPage&& other) noexcept
    : file_(std::move(other.file_)), capacity_(other.capacity_), locked_(std::exchange(other.locked_, nullptr)),
      latest_(other.latest_), beat_(other.beat_), started_(other.started_), weakness_(std::move(other.weakness_)) {}

SharedPage& SharedPage::operator=(SharedPage&& other) noexcept {
    std::swap(file_, other.file_);
    std::swap(capacity_, other.capacity_);
    std::swap(locked_, other.locked_);
    std::swap(latest_, other.latest_);
    std::swap(beat_, other.beat_);
    std::swap(started_, other.started_);
    std::swap(weakness_, other.weakness_);
    return *this;
}

SharedPage::~SharedPage() {
    if (locked_ != nullptr) ::munmap(locked_, file_size(capacity_));
}

Result<void> SharedPage::write_header() {
    const Header header{.pid = own_pid(), .started = started_, .capacity = capacity_, .beat = beat_, .latest = latest_};
    if (::pwrite(file_.get(), &header, sizeof header, 0) != sizeof header) return fail_errno("writing a shared page");
    return {};
}

Result<void> SharedPage::publish(std::string_view text) {
    if (text.size() > capacity_) return fail("the text is longer than its page", EMSGSIZE);
    Half half{.number = latest_ + 1, .size = text.size()};
    half.checksum = checksum_of(half, text);
    const std::array<iovec, 2> parts{{{.iov_base = &half, .iov_len = sizeof half},
                                      {.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()}}};
    const auto wanted = static_cast<ssize_t>(sizeof half + text.size());
    if (::pwritev(file_.get(), parts.data(), static_cast<int>(parts.size()), place_of(half.number, capacity_))
        != wanted)
        return fail_errno("writing a shared page");
    latest_ = half.number;
    return write_header(); // all of it: what was damaged is mended
}

void SharedPage::beat(Time now) {
    beat_ = std::chrono::nanoseconds(now.time_since_epoch()).count();
    // A beat that can't be written is one that readers miss, as they should.
    [[maybe_unused]] const auto written =
        ::pwrite(file_.get(), &beat_, sizeof beat_, static_cast<off_t>(offsetof(Header, beat)));
}

bool SharedPage::lost() const {
    struct stat info{};
    return ::fstat(file_.get(), &info) == 0 && info.st_nlink == 0;
}

Result<PageCopy> read_shared_page(const std::string& path) {
    // Non-blocking: a FIFO would hold us for ever.
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!fd && errno == ELOOP) return fail(path + " is a link", EACCES);
    if (!fd) return fail_errno("opening " + path);
    if (auto trusted = trust(fd.get(), path); !trusted) return std::unexpected(trusted.error());
    for (int attempt = 0; attempt < tries; ++attempt) {
        Header header;
        if (!read_whole(fd.get(), &header, sizeof header, 0) || header.magic != magic) break;
        if (header.version != version) return fail(path + " is of another version of nezuban", EPROTONOSUPPORT);
        if (header.capacity > capacity_max) break;
        Half half;
        const auto at = place_of(header.latest, header.capacity);
        if (!read_whole(fd.get(), &half, sizeof half, at)) break;
        if (half.number != header.latest || half.size > header.capacity) continue;
        PageCopy copy{.pid = header.pid,
                      .started = header.started,
                      .beat = Time(Duration(header.beat)),
                      .text = std::string(half.size, '\0')};
        if (!read_whole(fd.get(), copy.text.data(), half.size, at + static_cast<off_t>(sizeof half))) break;
        if (checksum_of(half, copy.text) == half.checksum) return copy;
    }
    return fail(path + " is damaged", EBADMSG);
}

} // namespace nezuban
