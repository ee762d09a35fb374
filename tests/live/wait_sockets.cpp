// Queues with work in them, of servers that don't serve and of their healthy twins; and what makes a queue the same one
// that it was before.
#include "live/lab.hpp"
#include "live/scanner.hpp"
#include "support/temp_dir.hpp"

#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace nezuban;
using namespace nezuban::test;

#define NEEDS_SOCKETS()                                                                                                \
    NEEDS_SCAN();                                                                                                      \
    if (!test::features().socket_scan) SKIP("not on this kernel: nobody tells of descriptors")

namespace {

constexpr int mptcp = 262;

int checked(int result, const char* what) {
    if (result < 0) fail_with_errno(what);
    return result;
}

Fd internet(int type, int family = AF_INET, int protocol = 0) {
    return Fd(checked(::socket(family, type | SOCK_CLOEXEC, protocol), "socket"));
}

sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return address;
}

// Both: zero port or empty path are chosen by the kernel, or none.
int bind_to_loopback(const Fd& socket) {
    auto address = loopback(0);
    socklen_t size = sizeof address;
    checked(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
    checked(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
    return ntohs(address.sin_port);
}

Fd connected(int port, int type = SOCK_STREAM) {
    Fd socket = internet(type);
    const auto address = loopback(port);
    checked(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "connect");
    return socket;
}

Fd accepted_by(const Fd& listener) {
    return Fd(checked(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept"));
}

std::pair<sockaddr_un, socklen_t> unix_address(std::string_view path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
    return {address, static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size())};
}

void bind_to(const Fd& socket, std::string_view path) {
    const auto [address, size] = unix_address(path);
    checked(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size), "bind");
}

Fd connected(std::string_view path, int type = SOCK_STREAM) {
    Fd socket = internet(type, AF_UNIX);
    const auto [address, size] = unix_address(path);
    checked(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), size), "connect");
    return socket;
}

void say(const Fd& socket, std::string_view text) {
    REQUIRE(::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
}

std::string hear(const Fd& socket, std::size_t most) {
    std::string text(most, '\0');
    text.resize(
        static_cast<std::size_t>(checked(static_cast<int>(::recv(socket.get(), text.data(), most, 0)), "recv")));
    return text;
}

const auto self = static_cast<std::uint32_t>(::getpid());

std::function<bool(const SocketQueue&)> at(const Fd& socket) {
    return [fd = static_cast<std::uint32_t>(socket.get())](const SocketQueue& queue) { return queue.fd == fd; };
}

std::function<bool(const SocketQueue&)> of_kind(SocketKind kind) {
    return [kind](const SocketQueue& queue) { return queue.kind == kind; };
}

void await_nothing(Scanner& scanner, std::uint32_t pid) {
    for (const auto deadline = after(); !scanner.sockets_of(pid).empty();)
        REQUIRE(test::Clock::now() < deadline);
}

} // namespace

TEST_CASE("connections that nobody accepts are told with their number and the backlog, until somebody does") {
    NEEDS_SOCKETS();
    Scanner scanner;
    Stage stuck("nzstuck", {"noaccept"});
    const auto port = static_cast<int>(number_in(stuck.line, "port"));
    CHECK(scanner.sockets_of(stuck.pid()).empty());
    const auto first = connected(port);
    const auto second = connected(port);

    const auto queue = scanner.await_socket(stuck.pid(), [](const SocketQueue& told) { return told.length == 2; });
    const auto again = scanner.await_socket(stuck.pid(), [](const SocketQueue& told) { return told.length == 2; });

    CHECK(queue.kind == SocketKind::tcp_listening);
    CHECK(queue.limit == 16);
    CHECK(queue.accepts);
    CHECK(queue.fd == static_cast<std::uint32_t>(number_in(stuck.line, "fd")));
    CHECK(queue.inode != 0);
    CHECK(queue.network_namespace != 0);
    CHECK(queue.local == "127.0.0.1:" + std::to_string(port));
    CHECK(queue.peer.empty());
    CHECK(again.mark == queue.mark);
    CHECK(again.inode == queue.inode);

    stuck.child.ask("release");
    await_nothing(scanner, stuck.pid());
}

TEST_CASE("an accept queue of which one is taken is another, even if it is as long again") {
    NEEDS_SOCKETS();
    Scanner scanner;
    const auto listener = internet(SOCK_STREAM);
    const int port = bind_to_loopback(listener);
    checked(::listen(listener.get(), 8), "listen");
    std::vector<Fd> clients;
    std::vector<std::uint64_t> marks;
    clients.push_back(connected(port));
    for (int round = 0; round < 20; ++round) {
        marks.push_back(scanner.await_socket(self, at(listener)).mark);
        const auto server = accepted_by(listener);
        clients.push_back(connected(port));
    }

    for (std::size_t round = 1; round < marks.size(); ++round)
        CHECK(marks[round] != marks[round - 1]);
}

TEST_CASE("bytes that nobody reads are told of the server's end, and that it accepted them") {
    NEEDS_SOCKETS();
    Scanner scanner;
    Stage stuck("nzstuck", {"noread"});
    const auto port = static_cast<int>(number_in(stuck.line, "port"));
    auto client = connected(port);
    say(client, "hello");

    const auto queue = scanner.await_socket(
        stuck.pid(), [](const SocketQueue& told) { return told.kind == SocketKind::tcp && told.length == 5; });
    const auto again = scanner.await_socket(stuck.pid(), of_kind(SocketKind::tcp));

    CHECK(queue.accepts);
    CHECK_FALSE(queue.peer_closed);
    CHECK(queue.local == "127.0.0.1:" + std::to_string(port));
    CHECK(queue.peer.starts_with("127.0.0.1:"));
    CHECK(again.mark == queue.mark);

    client.close();
    const auto closed = scanner.await_socket(stuck.pid(), [](const SocketQueue& told) { return told.peer_closed; });
    CHECK(closed.length == 5); // the end of the stream is no byte
    CHECK(closed.mark == queue.mark);
    stuck.child.ask("release");
    await_nothing(scanner, stuck.pid());
}

TEST_CASE("a connection that was opened and not accepted here is told as such") {
    NEEDS_SOCKETS();
    Scanner scanner;
    Fd client;
    Fd server;
    {
        const auto listener = internet(SOCK_STREAM);
        const int port = bind_to_loopback(listener);
        checked(::listen(listener.get(), 8), "listen");
        client = connected(port);
        server = accepted_by(listener);
        say(server, "hello");
        CHECK_FALSE(scanner.await_socket(self, at(client)).accepts);
        say(client, "hello");
        CHECK(scanner.await_socket(self, at(server)).accepts);
    }
    // Nobody listens there any more: it can't be known.
    CHECK_FALSE(scanner.await_socket(self, at(server)).accepts);
    const auto mark = scanner.await_socket(self, at(server)).mark;
    hear(server, 2);
    const auto rest = scanner.await_socket(self, at(server));
    CHECK(rest.length == 3);
    CHECK(rest.mark != mark);
}

TEST_CASE("a connection that ended before it said anything has no work in its queue") {
    NEEDS_SOCKETS();
    Scanner scanner;
    const auto listener = internet(SOCK_STREAM);
    const int port = bind_to_loopback(listener);
    checked(::listen(listener.get(), 8), "listen");
    auto client = connected(port);
    const auto server = accepted_by(listener);
    client.close();
    REQUIRE(wait_readable(server.get(), after()));

    const auto told = scanner.sockets_of(self);

    CHECK(std::ranges::none_of(told, at(server)));
}

TEST_CASE("datagrams that nobody receives are told, and the mark changes with the first of them") {
    NEEDS_SOCKETS();
    Scanner scanner;
    Stage stuck("nzstuck", {"udp"});
    const auto sender = connected(static_cast<int>(number_in(stuck.line, "port")), SOCK_DGRAM);
    say(sender, "one");
    say(sender, "two");

    const auto queue = scanner.await_socket(stuck.pid(), of_kind(SocketKind::udp));

    CHECK(queue.accepts);
    CHECK(queue.length == 2); // datagrams
    CHECK(scanner.await_socket(stuck.pid(), of_kind(SocketKind::udp)).mark == queue.mark);
    stuck.child.ask("release");
    await_nothing(scanner, stuck.pid());

    const auto own = internet(SOCK_DGRAM);
    const auto feeder = connected(bind_to_loopback(own), SOCK_DGRAM);
    say(feeder, "one");
    say(feeder, "two");
    say(feeder, "six");
    const auto first = scanner.await_socket(self, at(own));
    CHECK(hear(own, 10) == "one");
    const auto second = scanner.await_socket(self, at(own)); // by now in the reader's own queue
    CHECK(hear(own, 10) == "two");
    const auto third = scanner.await_socket(self, at(own));
    CHECK(first.mark != second.mark);
    CHECK(second.mark != third.mark);
    CHECK(hear(own, 10) == "six");
    CHECK(std::ranges::none_of(scanner.sockets_of(self), at(own)));
}

TEST_CASE("a Unix socket that nobody accepts from, by path and by name") {
    NEEDS_SOCKETS();
    Scanner scanner;
    const TempDir folder;
    const auto path = (folder.path() / "x.sock").string();
    Stage stuck("nzstuck", {"noaccept", path});
    const auto client = connected(path);

    const auto queue = scanner.await_socket(stuck.pid(), of_kind(SocketKind::unix_listening));
    CHECK(queue.length == 1);
    CHECK(queue.limit == 16);
    CHECK(queue.accepts);
    CHECK(queue.local == path);
    CHECK(scanner.await_socket(stuck.pid(), of_kind(SocketKind::unix_listening)).mark == queue.mark);
    stuck.child.ask("release");
    await_nothing(scanner, stuck.pid());

    const auto listener = internet(SOCK_STREAM, AF_UNIX);
    const auto name = "@nezuban-test-" + std::to_string(::getpid());
    bind_to(listener, name);
    checked(::listen(listener.get(), 8), "listen");
    auto last = connected(name);
    std::uint64_t mark = 0;
    for (int round = 0; round < 20; ++round) {
        const auto told = scanner.await_socket(self, at(listener));
        CHECK(told.local == name);
        CHECK(told.length == 1);
        CHECK(told.mark != mark);
        mark = told.mark;
        const auto server = accepted_by(listener);
        last = connected(name);
    }
}

TEST_CASE("a Unix stream that is read in part is another queue; what its server accepted is bound") {
    NEEDS_SOCKETS();
    Scanner scanner;
    const TempDir folder;
    const auto path = (folder.path() / "x.sock").string();
    const auto listener = internet(SOCK_STREAM, AF_UNIX);
    bind_to(listener, path);
    checked(::listen(listener.get(), 8), "listen");
    auto client = connected(path);
    const auto server = accepted_by(listener);
    say(client, "hello");
    say(client, "world!");

    const auto queue = scanner.await_socket(self, at(server));
    CHECK(queue.kind == SocketKind::unix_stream);
    CHECK(queue.length == 11);
    CHECK(queue.accepts);
    CHECK(queue.local == path);
    CHECK_FALSE(queue.peer_closed);
    CHECK(scanner.await_socket(self, at(server)).mark == queue.mark);
    hear(server, 2);
    client.close();
    const auto rest = scanner.await_socket(self, at(server));
    CHECK(rest.length == 9);
    CHECK(rest.mark != queue.mark);
    CHECK(rest.peer_closed);
    hear(server, 100);
    CHECK(std::ranges::none_of(scanner.sockets_of(self), at(server)));
}

TEST_CASE("Unix datagrams and packets are told, also empty ones; a pair without a name accepts nothing") {
    NEEDS_SOCKETS();
    Scanner scanner;
    for (const auto& [type, kind] :
         {std::pair{SOCK_DGRAM, SocketKind::unix_datagram}, {SOCK_SEQPACKET, SocketKind::unix_seqpacket}}) {
        int ends[2];
        checked(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), "socketpair");
        const Fd reader(ends[0]);
        const Fd writer(ends[1]);
        say(writer, "");
        say(writer, "four");

        const auto queue = scanner.await_socket(self, at(reader));

        CHECK(queue.kind == kind);
        CHECK(queue.length == 4);
        CHECK_FALSE(queue.accepts);
        CHECK(queue.local.empty());
        hear(reader, 10);
        CHECK(scanner.await_socket(self, at(reader)).mark != queue.mark);
    }
}

TEST_CASE("the same word, read each time and sent again, is no queue that stands still") {
    NEEDS_SOCKETS();
    if (!test::features().frees) SKIP("not on this kernel: nobody tells what is freed");
    Scanner scanner;
    for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}) {
        INFO(type);
        int ends[2];
        checked(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), "socketpair");
        const Fd reader(ends[0]);
        const Fd writer(ends[1]);
        std::vector<std::uint64_t> marks;
        for (int round = 0; round < 30; ++round) {
            say(writer, "ping");
            marks.push_back(scanner.await_socket(self, at(reader)).mark);
            CHECK(hear(reader, 10) == "ping");
        }
        // Once is borne: that is how it becomes worth a watch.
        int same = 0;
        for (std::size_t round = 1; round < marks.size(); ++round)
            same += marks[round] == marks[round - 1] ? 1 : 0;
        CHECK(same <= 1);

        say(writer, "ping");
        const auto mark = scanner.await_socket(self, at(reader)).mark;
        for (int round = 0; round < 5; ++round)
            CHECK(scanner.await_socket(self, at(reader)).mark == mark);
    }
}

TEST_CASE("addresses of IPv6, and IPv4 that came through it") {
    NEEDS_SOCKETS();
    Scanner scanner;
    const Fd listener(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (listener.get() < 0) SKIP("no IPv6 here");
    sockaddr_in6 address{};
    socklen_t size = sizeof address;
    address.sin6_family = AF_INET6; // [::], any port
    checked(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
    checked(::listen(listener.get(), 8), "listen");
    checked(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
    const auto port = std::to_string(ntohs(address.sin6_port));
    const auto client = connected(ntohs(address.sin6_port));

    CHECK(scanner.await_socket(self, at(listener)).local == "[::]:" + port);
    const auto server = accepted_by(listener);
    say(client, "x");
    const auto queue = scanner.await_socket(self, at(server));
    CHECK(queue.local == "127.0.0.1:" + port);
    CHECK(queue.accepts);
}

TEST_CASE("a listening socket of MPTCP shows the queue of the one inside") {
    NEEDS_SOCKETS();
    Scanner scanner;
    const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, mptcp));
    if (listener.get() < 0) SKIP("no MPTCP here");
    const int port = bind_to_loopback(listener);
    checked(::listen(listener.get(), 8), "listen");
    const auto client = connected(port);

    const auto queue = scanner.await_socket(self, at(listener));
    CHECK(queue.kind == SocketKind::tcp_listening);
    CHECK(queue.length == 1);
    CHECK(queue.local == "127.0.0.1:" + std::to_string(port));
    const auto server = accepted_by(listener);
    say(client, "x");
    CHECK(scanner.await_socket(self, at(server)).accepts);
}

TEST_CASE("servers that serve have nothing in their queues, and those of others are the same socket") {
    NEEDS_SOCKETS();
    Scanner scanner;
    for (const auto* kind : {"idle-epoll", "idle-poll", "idle-select", "idle-accept"}) {
        INFO(kind);
        Stage server("nzstuck", {kind});
        const auto client = connected(static_cast<int>(number_in(server.line, "port")));
        say(client, "hello");
        CHECK(hear(client, 5) == "hello");
        await_nothing(scanner, server.pid());
    }
    Stage server("nzstuck", {"idle-recv"});
    const auto client = connected(static_cast<int>(number_in(server.line, "port")), SOCK_DGRAM);
    say(client, "hello");
    await_nothing(scanner, server.pid());
}

TEST_CASE("a socket that several processes hold is told of each, with one inode") {
    NEEDS_SOCKETS();
    Scanner scanner;
    const auto listener = internet(SOCK_STREAM);
    const int port = bind_to_loopback(listener);
    checked(::listen(listener.get(), 8), "listen");
    const auto client = connected(port);
    int ends[2];
    checked(::pipe2(ends, O_CLOEXEC), "pipe");
    const Fd wait(ends[0]);
    Fd go(ends[1]);
    const pid_t child = ::fork();
    if (child == 0) {
        char byte = 0;
        ::close(ends[1]);
        (void)!::read(ends[0], &byte, 1);
        ::_exit(0);
    }

    const auto ours = scanner.await_socket(self, at(listener));
    const auto theirs = scanner.await_socket(static_cast<std::uint32_t>(child), at(listener));
    go.close();
    ::waitpid(child, nullptr, 0);

    CHECK(ours.inode == theirs.inode);
    CHECK(ours.mark == theirs.mark);
    CHECK(ours.owner != theirs.owner);
}
