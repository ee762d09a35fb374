// Descriptors that are sent to somebody who never asked for them.
#pragma once

#include "fd.hpp"

#include <csignal>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

namespace nezuban::test {

inline sockaddr_un unix_address(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size());
    return address;
}

// A datagram socket that is connected there. Empty: nobody is there.
inline Fd connect_to_datagrams(const std::string& path) {
    Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto address = unix_address(path);
    if (fd.get() < 0) fail_with_errno("socket");
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
    return fd;
}

// False: it was refused. Never waits.
inline bool send_with_descriptors(int socket, std::string_view bytes, std::span<const int> descriptors) {
    alignas(cmsghdr) std::vector<char> control(CMSG_SPACE(descriptors.size_bytes()));
    iovec piece{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
    msghdr head{};
    head.msg_iov = &piece;
    head.msg_iovlen = 1;
    head.msg_control = control.data();
    head.msg_controllen = control.size();
    cmsghdr* part = CMSG_FIRSTHDR(&head);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(part), descriptors.data(), descriptors.size_bytes());
    return ::sendmsg(socket, &head, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

// The last close of `ours` waits until somebody reads from `peer`, or for so many seconds.
struct Lingering {
    Fd peer;
    Fd ours;
};
inline Lingering make_lingering(int seconds) {
    const auto check = [](bool done, const char* what) {
        if (!done) fail_with_errno(what);
    };
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int little = 4096;
    check(::setsockopt(listener.get(), SOL_SOCKET, SO_RCVBUF, &little, sizeof little) == 0, "SO_RCVBUF");
    check(::bind(listener.get(), generic, sizeof address) == 0 && ::listen(listener.get(), 1) == 0, "listening");
    check(::getsockname(listener.get(), generic, &size) == 0, "getsockname");
    Lingering made{.peer = Fd(), .ours = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))};
    check(::connect(made.ours.get(), generic, sizeof address) == 0, "connecting");
    made.peer = Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    check(made.peer.get() >= 0, "accepting");
    const std::vector<char> junk(1U << 16U);
    while (::send(made.ours.get(), junk.data(), junk.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
    }
    const linger wait{.l_onoff = 1, .l_linger = seconds};
    check(::setsockopt(made.ours.get(), SOL_SOCKET, SO_LINGER, &wait, sizeof wait) == 0, "SO_LINGER");
    return made;
}

// A process of nobody's that sends a socket which lingers, and closes its own copy: whoever has the last one waits.
class LingeringSender {
public:
    // socket: connected to whom it is sent. It ends at once when this goes.
    LingeringSender(const Fd& socket, std::string_view message, int seconds) {
        int words[2];
        int end[2];
        if (::pipe2(words, O_CLOEXEC) != 0 || ::pipe2(end, O_CLOEXEC) != 0) fail_with_errno("pipe");
        said_ = LineReader(Fd(words[0]));
        closed_ = Fd(end[0]);
        const Fd saying(words[1]);
        Fd closing(end[1]);
        pid_ = ::fork();
        if (pid_ < 0) fail_with_errno("fork");
        if (pid_ == 0) be_sender(socket, message, seconds, saying.get(), std::move(closing));
    }
    ~LingeringSender() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    LingeringSender(const LingeringSender&) = delete;
    LingeringSender& operator=(const LingeringSender&) = delete;
    LingeringSender(LingeringSender&& other) noexcept
        : pid_(std::exchange(other.pid_, -1)), said_(std::move(other.said_)), closed_(std::move(other.closed_)) {}
    LingeringSender& operator=(LingeringSender&&) = delete;

    [[nodiscard]] pid_t pid() const {
        return pid_;
    }
    // Returns when its own copy is all but closed: "sent", or "refused".
    [[nodiscard]] std::string await_sent() {
        return said_.next(after()).value_or("it ended");
    }
    // False: it has not come back from its close.
    [[nodiscard]] bool has_closed() const {
        return wait_readable(closed_.get(), Clock::now());
    }

private:
    [[noreturn]] static void be_sender(const Fd& socket, std::string_view message, int seconds, int out, Fd closing) {
        const auto say = [out](std::string_view word) { (void)!::write(out, word.data(), word.size()); };
        try {
            auto lingering = make_lingering(seconds);
            constexpr int nobody = 65534;
            if (::geteuid() == 0 && (::setgid(nobody) != 0 || ::setuid(nobody) != 0)) ::_exit(1);
            ::prctl(PR_SET_PDEATHSIG, SIGKILL); // which a change of user takes back
            const int descriptor = lingering.ours.get();
            say(send_with_descriptors(socket.get(), message, {&descriptor, 1}) ? "sent\n" : "refused\n");
            lingering.ours.close();
            closing.close();
            ::pause();
        } catch (...) {
            ::_exit(1);
        }
        ::_exit(0);
    }

    pid_t pid_ = -1;
    LineReader said_{Fd()};
    Fd closed_;
};

} // namespace nezuban::test
