#include "io/notify_socket.hpp"

#include "io/errno.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace nezuban {

namespace {

bool beats(std::string_view message) {
    while (!message.empty()) {
        const auto line = message.substr(0, message.find('\n'));
        if (line == "WATCHDOG=1") return true;
        message.remove_prefix(std::min(line.size() + 1, message.size()));
    }
    return false;
}

std::uint32_t sender_of(msghdr& header) {
    for (auto* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_CREDENTIALS) continue;
        ucred credentials{};
        std::memcpy(&credentials, CMSG_DATA(part), sizeof credentials);
        return static_cast<std::uint32_t>(credentials.pid);
    }
    return 0;
}

// Whoever sends descriptors along gets no message in, where the kernel has a way to say so.
void close_passed(msghdr& header) {
    for (auto* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        for (std::size_t at = 0; CMSG_LEN(at + sizeof(int)) <= part->cmsg_len; at += sizeof(int)) {
            int passed = -1;
            std::memcpy(&passed, CMSG_DATA(part) + at, sizeof passed);
            ::close(passed);
        }
    }
}

} // namespace

Result<NotifySocket> NotifySocket::open(const std::string& path, const std::function<void(int)>& guard) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return fail(path + " is too long for a socket");
    std::memcpy(address.sun_path, path.c_str(), path.size());
    Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return fail_errno("creating a socket");
    const int on = 1;
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0)
        return fail_errno("asking for the senders on " + path);
    guard(fd.get());
    struct stat info{};
    if (::lstat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode)) ::unlink(path.c_str());
    const auto previous = ::umask(0111);
    const int bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    const int number = errno;
    ::umask(previous);
    if (bound != 0) return fail_errno("binding " + path, number);
    return NotifySocket(std::move(fd), path);
}

NotifySocket::~NotifySocket() {
    if (fd_) ::unlink(path_.c_str());
}

std::vector<std::uint32_t> NotifySocket::read_beats(std::size_t most) const {
    std::vector<std::uint32_t> pids;
    for (std::size_t count = 0; count < most; ++count) {
        std::array<char, 4096> text{};
        alignas(cmsghdr) std::array<char, 1024> control{};
        iovec part{.iov_base = text.data(), .iov_len = text.size()};
        msghdr header{};
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        header.msg_control = control.data();
        header.msg_controllen = control.size();
        const auto size = ::recvmsg(fd_.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (size < 0) break;
        close_passed(header);
        const auto pid = sender_of(header);
        const bool fresh = std::ranges::find(pids, pid) == pids.end();
        if (pid != 0 && fresh && beats({text.data(), static_cast<std::size_t>(size)})) pids.push_back(pid);
    }
    return pids;
}

} // namespace nezuban
