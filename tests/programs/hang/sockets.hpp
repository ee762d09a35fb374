// Servers of nzstuck: some serve, some have work and don't take it.
#pragma once

#include "scene.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace nz {

struct Endpoint {
    int fd = -1;
    int port = 0;
};

inline int must(int result, const char* what) {
    if (result < 0) give_up(what);
    return result;
}

// On 127.0.0.1 and a free port, or at the path when there is one.
inline Endpoint bound(int type, const std::string& path = {}) {
    Endpoint end;
    if (!path.empty()) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (path.size() >= sizeof address.sun_path) give_up("too long a path");
        std::memcpy(address.sun_path, path.c_str(), path.size());
        end.fd = must(socket(AF_UNIX, type | SOCK_CLOEXEC, 0), "socket");
        must(bind(end.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
        return end;
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    end.fd = must(socket(AF_INET, type | SOCK_CLOEXEC, 0), "socket");
    must(bind(end.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
    socklen_t size = sizeof address;
    must(getsockname(end.fd, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
    end.port = ntohs(address.sin_port);
    return end;
}

inline Endpoint listening(const std::string& path = {}) {
    const Endpoint end = bound(SOCK_STREAM, path);
    must(listen(end.fd, 16), "listen");
    return end;
}

inline void say_ready(const Endpoint& end) {
    say(R"({"event": "ready", "pid": %d, "port": %d, "fd": %d})", getpid(), end.port, end.fd);
}

// Takes what is there and gives it back; false: there is nothing more to come.
inline bool echo(int fd) {
    char bytes[4096];
    const ssize_t got = read(fd, bytes, sizeof bytes);
    if (got <= 0) return false;
    return write(fd, bytes, static_cast<std::size_t>(got)) == got;
}

inline int accepted(int listener) {
    return accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
}

// --- servers that serve: end with standard input ----------------------------------------------------------------

inline void serve_with_poll(int listener) {
    std::vector<pollfd> all{{STDIN_FILENO, POLLIN, 0}, {listener, POLLIN, 0}};
    while (poll(all.data(), all.size(), -1) > 0) {
        if (all[0].revents != 0) return;
        const std::size_t size = all.size(); // of those asked about
        if (all[1].revents != 0) all.push_back({accepted(listener), POLLIN, 0});
        for (std::size_t at = size; at-- > 2;) {
            if (all[at].revents == 0 || echo(all[at].fd)) continue;
            close(all[at].fd);
            all.erase(all.begin() + static_cast<long>(at));
        }
    }
}

inline void serve_with_select(int listener) {
    std::vector<int> clients;
    for (;;) {
        fd_set set;
        FD_ZERO(&set);
        FD_SET(STDIN_FILENO, &set);
        FD_SET(listener, &set);
        int most = listener;
        for (const int fd : clients) {
            FD_SET(fd, &set);
            most = fd > most ? fd : most;
        }
        if (select(most + 1, &set, nullptr, nullptr, nullptr) <= 0 || FD_ISSET(STDIN_FILENO, &set)) return;
        for (std::size_t at = clients.size(); at-- > 0;) {
            if (!FD_ISSET(clients[at], &set) || echo(clients[at])) continue;
            close(clients[at]);
            clients.erase(clients.begin() + static_cast<long>(at));
        }
        if (!FD_ISSET(listener, &set)) continue;
        const int fd = accepted(listener);
        if (fd >= FD_SETSIZE)
            close(fd);
        else
            clients.push_back(fd);
    }
}

inline void serve_with_epoll(int listener) {
    const int set = must(epoll_create1(EPOLL_CLOEXEC), "epoll");
    const auto add = [set](int fd) {
        epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
        must(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
    };
    add(STDIN_FILENO);
    add(listener);
    for (;;) {
        epoll_event event{};
        if (epoll_wait(set, &event, 1, -1) <= 0 || event.data.fd == STDIN_FILENO) return;
        if (event.data.fd == listener)
            add(accepted(listener));
        else if (!echo(event.data.fd))
            close(event.data.fd);
    }
}

// A thread for each connection; the caller goes on.
inline void serve_with_accept(int listener) {
    in_thread("acceptor", [listener] {
        for (;;) {
            const int fd = accepted(listener);
            if (fd < 0) continue;
            std::thread([fd] {
                while (echo(fd)) {
                }
                close(fd);
            }).detach();
        }
    });
}

} // namespace nz
