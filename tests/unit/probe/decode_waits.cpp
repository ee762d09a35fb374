#include "probe/decode_waits.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>
#include <nezuban/waits.h>

using namespace nezuban;
using namespace std::string_view_literals;

namespace {

nz_wait waiter() {
    nz_wait told{.start_ns = 5'000'000'000,
                 .thread_start_ns = 6'000'000'000,
                 .off_ns = 42'000'000'000,
                 .voluntary = 7,
                 .forced = 3,
                 .cpu_ns = 900,
                 .system_ns = 400,
                 .args = {1, 2, 3, 4, 5, 6},
                 .syscall = 202,
                 .user_address = 0x7f01,
                 .pid = 4711,
                 .tid = 4712,
                 .tid_in_namespace = 12,
                 .pid_namespace = 99,
                 .state = 1,
                 .why = NZ_WAIT_LOCK,
                 .flags = NZ_THREAD_IN_SYSCALL | NZ_THREAD_BY_SYSCALL | NZ_THREAD_OFF_KNOWN};
    std::strcpy(told.comm, "worker");
    return told;
}

void append(std::vector<std::byte>& bytes, nz_wait told, std::string_view stack = {}) {
    told.stack_size = static_cast<__u32>(stack.size());
    const auto at = bytes.size();
    bytes.resize(at + sizeof(told) + stack.size());
    std::memcpy(bytes.data() + at, &told, sizeof(told));
    if (!stack.empty()) std::memcpy(bytes.data() + at + sizeof(told), stack.data(), stack.size());
}

ThreadWait decoded(const nz_wait& told, std::string_view stack = {}) {
    std::vector<std::byte> bytes;
    append(bytes, told, stack);
    std::span<const std::byte> rest(bytes);
    auto thread = take_thread(rest);
    REQUIRE(thread);
    CHECK(rest.empty());
    return std::move(thread->wait);
}

ThreadState state_of(__u32 state, __u32 exit_state = 0) {
    auto told = waiter();
    told.state = state;
    told.exit_state = exit_state;
    return decoded(told).state;
}

nz_socket connection(std::uint16_t port, __u32 length = 5) {
    nz_socket told{.start_ns = 5'000'000'000,
                   .inode = 77,
                   .mark = 88,
                   .pid = 4711,
                   .fd = 9,
                   .family = NZ_SOCKET_TCP,
                   .flags = NZ_SOCKET_STREAM,
                   .length = length,
                   .network_namespace = 1,
                   .local_port = port,
                   .peer_port = 40000,
                   .local = {127, 0, 0, 1},
                   .peer = {10, 0, 0, 2}};
    return told;
}

nz_socket listener(std::uint16_t port, __u32 length = 0) {
    auto told = connection(port, length);
    told.flags |= NZ_SOCKET_LISTENING;
    told.limit = 128;
    told.peer_port = 0;
    return told;
}

nz_socket by_path(std::string_view path, __u32 flags) {
    nz_socket told{.pid = 4711,
                   .family = NZ_SOCKET_UNIX,
                   .flags = flags,
                   .length = 1,
                   .path_size = static_cast<__u32>(path.size())};
    std::memcpy(told.path, path.data(), path.size());
    return told;
}

std::vector<SocketQueue> seen(const std::vector<nz_socket>& sockets) {
    std::vector<SocketQueue> told;
    const SocketPass::Sink sink = [&](SocketQueue queue) { told.push_back(std::move(queue)); };
    SocketPass pass;
    for (const auto& socket : sockets)
        pass.add(socket, sink);
    pass.finish(sink);
    return told;
}

} // namespace

TEST_CASE("a thread is told with who it is, what it does and since when") {
    const auto wait = decoded(waiter());

    CHECK(wait.process == Identity{4711, 5'000'000'000});
    CHECK(wait.thread == ThreadId{4712, 6'000'000'000});
    CHECK(wait.in_namespace == 12);
    CHECK(wait.pid_namespace == 99);
    CHECK(wait.comm == "worker");
    CHECK(wait.state == ThreadState::sleeping);
    CHECK(wait.off_cpu == std::chrono::seconds(42));
    CHECK(wait.voluntary_switches == 7);
    CHECK(wait.forced_switches == 3);
    CHECK(wait.cpu == Duration(900));
    CHECK(wait.system == Duration(400));
    CHECK(wait.syscall == Syscall{.number = 202, .args = {1, 2, 3, 4, 5, 6}, .compat = false});
    CHECK(wait.entered_by_syscall);
    CHECK(wait.user_address == 0x7f01);
    CHECK(wait.tracer_pid == 0);
    CHECK(wait.tracer_comm.empty());
    CHECK(wait.kernel_stack.empty());
    CHECK_FALSE(wait.kernel_thread);
    CHECK_FALSE(wait.on_cpu);
    CHECK_FALSE(wait.frozen);
}

TEST_CASE("what is not known is not told") {
    auto told = waiter();
    told.flags = 0;

    const auto wait = decoded(told);

    CHECK(wait.off_cpu == Duration::zero());
    CHECK_FALSE(wait.syscall);
    CHECK_FALSE(wait.entered_by_syscall);
}

TEST_CASE("a state has more bits than the one that names it") {
    CHECK(state_of(0) == ThreadState::running);
    CHECK(state_of(0x2001) == ThreadState::sleeping);
    CHECK(state_of(2) == ThreadState::uninterruptible);
    CHECK(state_of(0x2102) == ThreadState::uninterruptible);
    CHECK(state_of(0x402) == ThreadState::idle);
    CHECK(state_of(0x8000) == ThreadState::uninterruptible); // frozen
    CHECK(state_of(0x104) == ThreadState::stopped);
    CHECK(state_of(8) == ThreadState::traced);
    CHECK(state_of(0x40) == ThreadState::parked);
    CHECK(state_of(0x80) == ThreadState::dead);
    CHECK(state_of(0x80, 0x20) == ThreadState::zombie);
    CHECK(state_of(0x80, 0x10) == ThreadState::dead);
}

TEST_CASE("SIGKILL ends every wait but those in D, and those of the kernel's own threads") {
    auto told = waiter();
    CHECK(decoded(told).killable);
    told.state = 2;
    CHECK_FALSE(decoded(told).killable);
    told.flags |= NZ_THREAD_KILLABLE;
    CHECK(decoded(told).killable);
    told.flags |= NZ_THREAD_KERNEL;
    CHECK_FALSE(decoded(told).killable);
    CHECK(decoded(told).kernel_thread);
}

TEST_CASE("a stack is told frame by frame, without the length of the functions") {
    const auto wait = decoded(waiter(), "nfsd_dispatch+0x7f/0x180 [nfsd]\nksys_write+0x10/0xf0\n0xffffffffc0001234\n");

    CHECK(wait.kernel_stack
          == std::vector<std::string>{"nfsd_dispatch+0x7f [nfsd]", "ksys_write+0x10", "0xffffffffc0001234"});
}

TEST_CASE("a stack that is told as addresses has them as its frames, to be named later") {
    auto told = waiter();
    told.flags |= NZ_THREAD_ADDRESSES;
    constexpr std::array<std::uint64_t, 2> addresses{0xffffffff81234567, 0xffffffffc0001234};
    const std::string_view bytes(reinterpret_cast<const char*>(addresses.data()), sizeof addresses);

    CHECK(decoded(told, bytes).kernel_stack == std::vector<std::string>{"0xffffffff81234567", "0xffffffffc0001234"});
    CHECK(decoded(told, bytes.substr(0, 12)).kernel_stack.size() == 1);
}

TEST_CASE("a stack of nothing but text without an end, and one that is too deep, are borne") {
    CHECK(decoded(waiter(), "no newline").kernel_stack.empty());
    CHECK(decoded(waiter(), "\n\n\n").kernel_stack.empty());
    std::string deep;
    for (int at = 0; at < 100; ++at)
        deep += "f+0x1/0x2\n";
    CHECK(decoded(waiter(), deep).kernel_stack.size() == NZ_STACK);
}

TEST_CASE("a tracer is told by pid and name, and a name without its NUL ends where its room does") {
    auto told = waiter();
    told.state = 8;
    told.tracer_pid = 12;
    std::memset(told.tracer_comm, 'g', sizeof told.tracer_comm);

    const auto wait = decoded(told);

    CHECK(wait.tracer_pid == 12);
    CHECK(wait.tracer_comm == std::string(16, 'g'));
}

TEST_CASE("records are taken one by one, and a cut one not at all") {
    std::vector<std::byte> bytes;
    append(bytes, waiter(), "a+0x1/0x2\n");
    auto second = waiter();
    second.tid = 4713;
    second.why = NZ_WAIT_ASKED;
    append(bytes, second);
    append(bytes, waiter(), "b+0x1/0x2\n");
    bytes.pop_back();
    std::span<const std::byte> rest(bytes);

    const auto one = take_thread(rest);
    const auto two = take_thread(rest);

    REQUIRE(one);
    CHECK(one->wait.kernel_stack.size() == 1);
    CHECK(one->why == NZ_WAIT_LOCK);
    REQUIRE(two);
    CHECK(two->wait.thread.tid == 4713);
    CHECK(two->why == NZ_WAIT_ASKED);
    CHECK_FALSE(take_thread(rest));
    std::span<const std::byte> short_one = std::span(bytes).first(10);
    CHECK_FALSE(take_thread(short_one));
}

TEST_CASE("a connection was accepted here if its port is served, in whatever order they are seen") {
    auto elsewhere = connection(25);
    elsewhere.network_namespace = 2;

    const auto told = seen({connection(25), listener(25), connection(26), elsewhere});

    REQUIRE(told.size() == 3); // the listening one has nothing in its queue
    CHECK(told[0].kind == SocketKind::tcp);
    CHECK(told[0].accepts);
    CHECK(told[0].local == "127.0.0.1:25");
    CHECK(told[0].peer == "10.0.0.2:40000");
    CHECK(told[0].owner == Identity{4711, 5'000'000'000});
    CHECK(told[0].inode == 77);
    CHECK(told[0].mark == 88);
    CHECK(told[0].fd == 9);
    CHECK(told[0].length == 5);
    CHECK_FALSE(told[1].accepts);
    CHECK_FALSE(told[2].accepts);
}

TEST_CASE("what was served in one pass is not known in the next") {
    std::vector<SocketQueue> told;
    const SocketPass::Sink sink = [&](SocketQueue queue) { told.push_back(std::move(queue)); };
    SocketPass pass;
    pass.add(listener(25), sink);
    pass.finish(sink);
    pass.add(connection(25), sink);
    pass.finish(sink);

    REQUIRE(told.size() == 1);
    CHECK_FALSE(told[0].accepts);
}

TEST_CASE("a listening socket with connections in its queue is told with its backlog, and no peer") {
    const auto told = seen({listener(25, 3)});

    REQUIRE(told.size() == 1);
    CHECK(told[0].kind == SocketKind::tcp_listening);
    CHECK(told[0].accepts);
    CHECK(told[0].length == 3);
    CHECK(told[0].limit == 128);
    CHECK(told[0].peer.empty());
}

TEST_CASE("addresses of IPv6 are in brackets, and IPv4 within it is IPv4") {
    auto six = listener(80, 1);
    six.flags |= NZ_SOCKET_V6;
    std::ranges::fill(six.local, __u8{0});
    auto mapped = six;
    mapped.local[10] = mapped.local[11] = 0xff;
    mapped.local[12] = 192;
    mapped.local[15] = 1;
    auto loopback = six;
    loopback.local[15] = 1;

    const auto told = seen({six, mapped, loopback});

    REQUIRE(told.size() == 3);
    CHECK(told[0].local == "[::]:80");
    CHECK(told[1].local == "192.0.0.1:80");
    CHECK(told[2].local == "[::1]:80");
}

TEST_CASE("a bound datagram socket accepts, one that a program opened to send does not") {
    auto bound = connection(53);
    bound.family = NZ_SOCKET_UDP;
    bound.flags = NZ_SOCKET_DATAGRAM | NZ_SOCKET_BOUND;
    auto sender = bound;
    sender.flags = NZ_SOCKET_DATAGRAM | NZ_SOCKET_PEER_CLOSED;

    const auto told = seen({bound, sender});

    REQUIRE(told.size() == 2);
    CHECK(told[0].kind == SocketKind::udp);
    CHECK(told[0].accepts);
    CHECK_FALSE(told[0].peer_closed);
    CHECK_FALSE(told[1].accepts);
    CHECK(told[1].peer_closed);
}

TEST_CASE("Unix sockets have a path, a name of their own, or none") {
    const std::string longest(NZ_SOCKET_PATH, 'x');
    auto lying = by_path("/x", NZ_SOCKET_STREAM);
    lying.path_size = 5000;

    const auto told = seen({by_path("/run/x.sock\0"sv, NZ_SOCKET_STREAM | NZ_SOCKET_LISTENING),
                            by_path("\0abstract\0x"sv, NZ_SOCKET_STREAM | NZ_SOCKET_BOUND),
                            by_path("", NZ_SOCKET_DATAGRAM), by_path(longest, NZ_SOCKET_SEQPACKET), lying});

    REQUIRE(told.size() == 5);
    CHECK(told[0].kind == SocketKind::unix_listening);
    CHECK(told[0].accepts);
    CHECK(told[0].local == "/run/x.sock");
    CHECK(told[1].kind == SocketKind::unix_stream);
    CHECK(told[1].accepts);
    CHECK(told[1].local == "@abstract@x");
    CHECK(told[2].kind == SocketKind::unix_datagram);
    CHECK_FALSE(told[2].accepts);
    CHECK(told[2].local.empty());
    CHECK(told[3].kind == SocketKind::unix_seqpacket);
    CHECK(told[3].local == longest);
    CHECK(told[4].local == "/x");
}
