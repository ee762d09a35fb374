#include "io/unix_socket.hpp"

#include "io/clock.hpp"
#include "io/errno.hpp"
#include "io/files.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

namespace nezuban {

namespace {

constexpr int backlog = 64;

Result<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) {
        return fail("socket path \"" + path + "\" must have 1 to " + std::to_string(sizeof address.sun_path - 1)
                        + " bytes",
                    ENAMETOOLONG);
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

const sockaddr* generic(const sockaddr_un& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

// Makes room for our own socket at the path.
Result<void> clear_stale(const std::string& path, const sockaddr_un& address) {
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0) {
        if (errno == ENOENT) return {};
        return fail_errno("looking at " + path);
    }
    if (!S_ISSOCK(info.st_mode)) return fail(path + " exists and is no socket", EEXIST);
    // Non-blocking, so that a listener with a full queue answers EAGAIN: it lives, too.
    Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!probe) return fail_errno("creating a socket");
    if (::connect(probe.get(), generic(address), sizeof address) == 0 || errno == EAGAIN) {
        return fail("somebody listens on " + path + " already", EADDRINUSE);
    }
    if (errno != ECONNREFUSED) return fail_errno("asking who listens on " + path);
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno("removing the stale " + path);
    return {};
}

} // namespace

Result<Fd> listen_unix(const std::string& path, std::uint32_t mode) {
    auto address = address_of(path);
    if (!address) return std::unexpected(address.error());
    auto directory = std::filesystem::path(path).parent_path().string();
    if (!directory.empty()) {
        if (auto made = make_directories(directory, 0755); !made) return std::unexpected(made.error());
    }
    if (auto cleared = clear_stale(path, *address); !cleared) return std::unexpected(cleared.error());
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return fail_errno("creating a socket");
    // By umask, not by a chmod afterwards: there must be no moment in which it is open to all.
    auto previous = ::umask(static_cast<mode_t>(0777U & ~mode));
    int bound = ::bind(fd.get(), generic(*address), sizeof *address);
    int number = errno;
    ::umask(previous);
    if (bound != 0) return fail_errno("binding " + path, number);
    if (::listen(fd.get(), backlog) != 0) return fail_errno("listening on " + path);
    return fd;
}

Result<std::optional<Fd>> accept_unix(int listener) {
    for (;;) {
        Fd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (fd) return std::optional(std::move(fd));
        if (errno == EAGAIN) return std::optional<Fd>();
        if (errno == EINTR || errno == ECONNABORTED) continue;
        return fail_errno("accepting a connection");
    }
}

Result<PeerCredentials> peer_credentials(int fd) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return fail_errno("asking who is connected");
    return PeerCredentials{.pid = static_cast<std::uint32_t>(peer.pid), .uid = peer.uid, .gid = peer.gid};
}

Result<Fd> connect_unix(const std::string& path, Duration timeout) {
    auto address = address_of(path);
    if (!address) return std::unexpected(address.error());
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd) return fail_errno("creating a socket");
    // A blocking connect, because a non-blocking one to a full queue fails without anything to wait for. It obeys the
    // sending time-out, where zero would mean for ever.
    auto micros = std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::microseconds>(timeout).count(), 1);
    timeval limit{.tv_sec = micros / 1'000'000, .tv_usec = micros % 1'000'000};
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0) {
        return fail_errno("limiting the time to connect");
    }
    int connected = 0;
    do {
        connected = ::connect(fd.get(), generic(*address), sizeof *address);
    } while (connected != 0 && errno == EINTR);
    if (connected != 0) return fail_errno("connecting to " + path, errno == EAGAIN ? ETIMEDOUT : errno);
    if (auto done = make_nonblocking(fd.get()); !done) return std::unexpected(done.error());
    return fd;
}

Result<std::pair<Fd, Fd>> socket_pair() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
        return fail_errno("creating a pair of sockets");
    }
    return std::pair(Fd(ends[0]), Fd(ends[1]));
}

void enlarge_send_buffer(int fd, int bytes) {
    if (::setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) == 0) return;
    ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

Transferred read_some(int fd, std::span<char> into) {
    for (;;) {
        auto size = ::read(fd, into.data(), into.size());
        if (size > 0) return {.how = Transfer::some, .bytes = static_cast<std::size_t>(size)};
        if (size == 0) return {.how = Transfer::closed};
        if (errno == EINTR) continue;
        if (errno == EAGAIN) return {.how = Transfer::later, .error = EAGAIN};
        return {.how = Transfer::failed, .error = errno};
    }
}

Transferred write_some(int fd, std::string_view bytes) {
    for (;;) {
        auto size = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (size < 0 && errno == ENOTSOCK) size = ::write(fd, bytes.data(), bytes.size());
        if (size > 0) return {.how = Transfer::some, .bytes = static_cast<std::size_t>(size)};
        if (size == 0) return {.how = Transfer::later};
        if (errno == EINTR) continue;
        if (errno == EAGAIN) return {.how = Transfer::later, .error = EAGAIN};
        if (errno == EPIPE || errno == ECONNRESET) return {.how = Transfer::closed, .error = errno};
        return {.how = Transfer::failed, .error = errno};
    }
}

bool write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto sent = write_some(fd, bytes);
        if (sent.how == Transfer::some)
            bytes.remove_prefix(sent.bytes);
        else if (sent.how == Transfer::later)
            (void)wait_ready(fd, POLLOUT, std::nullopt);
        else
            return false;
    }
    return true;
}

bool wait_ready(int fd, std::uint32_t events, std::optional<Duration> timeout) {
    auto deadline = timeout ? std::optional(monotonic_now() + *timeout) : std::nullopt;
    for (;;) {
        pollfd waiting{.fd = fd, .events = static_cast<short>(events), .revents = 0};
        int patience = -1;
        if (deadline) {
            auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - monotonic_now()).count();
            patience = static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000'000));
        }
        int count = ::poll(&waiting, 1, patience);
        if (count > 0) return true;
        if (count == 0 && deadline) return false;
        if (count < 0 && errno != EINTR) return true; // the caller's next read or write will say what is wrong
    }
}

} // namespace nezuban
