#include "io/errand.hpp"

#include "io/clock.hpp"
#include "io/errno.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <exception>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h> // NOLINT(modernize-deprecated-headers): kill is not in <csignal>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nezuban {

namespace {

// Behind everything else: an answer without it was cut off.
constexpr char whole = '\n';

std::vector<int> open_descriptors() {
    std::vector<int> descriptors;
    const std::unique_ptr<DIR, decltype([](DIR* folder) { ::closedir(folder); })> folder(::opendir("/proc/self/fd"));
    while (const auto* entry =
               folder ? ::readdir(folder.get()) : nullptr) { // NOLINT(concurrency-mt-unsafe): ours alone
        const std::string_view name(entry->d_name);
        int fd = 0;
        if (std::from_chars(name.data(), name.data() + name.size(), fd).ec == std::errc()) descriptors.push_back(fd);
    }
    return descriptors;
}

void write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const auto size = ::write(fd, text.data(), text.size());
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) ::_exit(1); // nobody wants to know any more
        text.remove_prefix(static_cast<std::size_t>(size));
    }
}

[[noreturn]] void run(const std::function<void(const Errand::Say&)>& work, int pipe, pid_t parent,
                      const std::vector<int>& unwanted) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (const int fd : unwanted)
        ::close(fd);
    // Not exit(): what is buffered for standard output is the parent's to write.
    if (::getppid() != parent) ::_exit(0);
    try {
        work([pipe](std::string_view text) { write_all(pipe, text); });
        write_all(pipe, std::string_view(&whole, 1));
        ::_exit(0);
    } catch (const std::exception&) {
        ::_exit(1);
    }
}

} // namespace

Result<Errand> Errand::send(const std::function<void(const Say&)>& work, Descriptors inherited) {
    const auto unwanted = inherited == Descriptors::closed ? open_descriptors() : std::vector<int>();
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno("making a pipe", errno);
    Fd ours(ends[0]);
    const Fd theirs(ends[1]);
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) return fail_errno("starting a process", errno);
    if (child == 0) run(work, theirs.get(), parent, unwanted);
    return Errand(static_cast<std::uint32_t>(child), std::move(ours));
}

Errand::~Errand() {
    end();
}

Errand::Errand(Errand&& other) noexcept
    : child_(std::exchange(other.child_, 0)), pipe_(std::move(other.pipe_)), said_(std::move(other.said_)),
      ending_(other.ending_) {}

Errand& Errand::operator=(Errand&& other) noexcept {
    if (this == &other) return *this;
    end();
    child_ = std::exchange(other.child_, 0);
    pipe_ = std::move(other.pipe_);
    said_ = std::move(other.said_);
    ending_ = other.ending_;
    return *this;
}

void Errand::end() {
    if (child_ == 0) return;
    const auto child = static_cast<pid_t>(std::exchange(child_, 0));
    // Nobody else can have the pid of who still has his end of the pipe. Who hasn't may have been reaped: where a loop
    // goes on meanwhile, zombies are let go that nobody there has started.
    pollfd end{.fd = pipe_.get(), .events = 0, .revents = 0};
    ::poll(&end, 1, 0);
    if ((end.revents & POLLHUP) == 0) ::kill(child, SIGKILL);
    // Who has closed the pipe has nothing left to do but to die, which takes no disk; left to itself it would be a
    // zombie until another child ends.
    while (::waitpid(child, nullptr, ending_ ? 0 : WNOHANG) < 0 && errno == EINTR) {
    }
}

Errand::Brought Errand::wait(Time deadline) {
    while (true) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - monotonic_now()).count();
        pollfd ready{.fd = pipe_.get(), .events = POLLIN, .revents = 0};
        const int polled = ::poll(&ready, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000)));
        if (polled < 0 && errno == EINTR) continue;
        if (polled <= 0 || !take()) return brought();
    }
}

bool Errand::take() {
    std::array<char, 65536> piece; // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
    const auto size = ::read(pipe_.get(), piece.data(), piece.size());
    if (size < 0) return errno == EINTR;
    ending_ = size == 0;
    said_.append(piece.data(), static_cast<std::size_t>(size));
    return !ending_;
}

Errand::Brought Errand::brought() {
    Brought brought{.text = std::exchange(said_, {})};
    brought.whole = ending_ && !brought.text.empty() && brought.text.back() == whole;
    if (brought.whole) brought.text.pop_back();
    return brought;
}

} // namespace nezuban
