#include "probe/decode_waits.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <nezuban/waits.h>

namespace nezuban {

namespace {

// include/linux/sched.h; the same numbers from 5.10 to 7.2.
constexpr std::uint32_t interruptible = 0x1;
constexpr std::uint32_t uninterruptible = 0x2;
constexpr std::uint32_t stopped = 0x4;
constexpr std::uint32_t traced = 0x8;
constexpr std::uint32_t exit_dead = 0x10;
constexpr std::uint32_t parked = 0x40;
constexpr std::uint32_t dead = 0x80;
constexpr std::uint32_t no_load = 0x400;
constexpr std::uint32_t real_time_lock = 0x1000;
constexpr std::uint32_t frozen = 0x8000;

ThreadState state_of(const nz_wait& told) {
    if (told.exit_state != 0) return (told.exit_state & exit_dead) != 0 ? ThreadState::dead : ThreadState::zombie;
    const auto state = told.state;
    if ((state & dead) != 0) return ThreadState::dead;
    if ((state & uninterruptible) != 0)
        return (state & no_load) != 0 ? ThreadState::idle : ThreadState::uninterruptible;
    if ((state & (frozen | real_time_lock)) != 0) return ThreadState::uninterruptible; // as /proc shows them
    if ((state & stopped) != 0) return ThreadState::stopped;
    if ((state & traced) != 0) return ThreadState::traced;
    if ((state & parked) != 0) return ThreadState::parked;
    if ((state & interruptible) != 0) return ThreadState::sleeping;
    return ThreadState::running;
}

Duration duration_of(std::uint64_t ns) {
    return Duration(static_cast<Duration::rep>(ns));
}

template <std::size_t Size> std::string text_of(const char (&text)[Size]) {
    return {text, strnlen(text, Size)};
}

// "nfsd_dispatch+0x7f/0x180 [nfsd]" -> "nfsd_dispatch+0x7f [nfsd]"
std::string frame_of(std::string_view line) {
    std::string frame(line);
    if (const auto slash = frame.find('/'); slash != std::string::npos)
        frame.erase(slash, frame.find(' ', slash) - slash);
    return frame;
}

std::vector<std::string> stack_of(std::string_view text) {
    std::vector<std::string> frames;
    while (!text.empty() && frames.size() < NZ_STACK) {
        const auto end = text.find('\n');
        if (end == std::string_view::npos) break;
        if (end > 0) frames.push_back(frame_of(text.substr(0, end)));
        text.remove_prefix(end + 1);
    }
    return frames;
}

// "0xffffffff81234567": to be named later.
std::vector<std::string> addresses_of(std::string_view bytes) {
    std::vector<std::string> frames;
    std::uint64_t address = 0;
    for (; bytes.size() >= sizeof(address) && frames.size() < NZ_STACK; bytes.remove_prefix(sizeof(address))) {
        std::memcpy(&address, bytes.data(), sizeof(address));
        std::array<char, 2 * sizeof(address)> digits{};
        const auto end = std::to_chars(digits.begin(), digits.end(), address, 16).ptr;
        frames.push_back("0x" + std::string(digits.begin(), end));
    }
    return frames;
}

ThreadWait wait_of(const nz_wait& told, std::string_view stack) {
    const auto has = [&](std::uint32_t flag) { return (told.flags & flag) != 0; };
    ThreadWait wait{.process = {.pid = told.pid, .start_ns = told.start_ns},
                    .thread = {.tid = told.tid, .start_ns = told.thread_start_ns},
                    .in_namespace = told.tid_in_namespace,
                    .pid_namespace = told.pid_namespace,
                    .comm = text_of(told.comm),
                    .state = state_of(told),
                    .kernel_thread = has(NZ_THREAD_KERNEL),
                    .frozen = has(NZ_THREAD_FROZEN),
                    .on_cpu = has(NZ_THREAD_ON_CPU),
                    .off_cpu = duration_of(has(NZ_THREAD_OFF_KNOWN) ? told.off_ns : 0),
                    .voluntary_switches = told.voluntary,
                    .forced_switches = told.forced,
                    .cpu = duration_of(told.cpu_ns),
                    .system = duration_of(told.system_ns),
                    .entered_by_syscall = has(NZ_THREAD_BY_SYSCALL),
                    .user_address = told.user_address,
                    .tracer_pid = told.tracer_pid,
                    .tracer_comm = text_of(told.tracer_comm),
                    .kernel_stack = has(NZ_THREAD_ADDRESSES) ? addresses_of(stack) : stack_of(stack)};
    wait.killable = !wait.kernel_thread && (wait.state != ThreadState::uninterruptible || has(NZ_THREAD_KILLABLE));
    if (has(NZ_THREAD_IN_SYSCALL)) {
        wait.syscall = Syscall{.number = told.syscall, .compat = has(NZ_THREAD_COMPAT)};
        std::ranges::copy(told.args, wait.syscall->args.begin());
    }
    return wait;
}

// --- sockets ----------------------------------------------------------------------------------------------------

SocketKind kind_of(const nz_socket& told) {
    const bool listening = (told.flags & NZ_SOCKET_LISTENING) != 0;
    switch (told.family) {
    case NZ_SOCKET_TCP: return listening ? SocketKind::tcp_listening : SocketKind::tcp;
    case NZ_SOCKET_UDP: return SocketKind::udp;
    default: break;
    }
    if (listening) return SocketKind::unix_listening;
    if ((told.flags & NZ_SOCKET_DATAGRAM) != 0) return SocketKind::unix_datagram;
    return (told.flags & NZ_SOCKET_SEQPACKET) != 0 ? SocketKind::unix_seqpacket : SocketKind::unix_stream;
}

std::string address_of(const __u8 (&bytes)[16], std::uint16_t port, bool six) {
    constexpr std::array<__u8, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    char text[INET6_ADDRSTRLEN] = {};
    const auto end = ":" + std::to_string(port);
    if (six && !std::ranges::equal(std::span(bytes).first<12>(), mapped)) {
        inet_ntop(AF_INET6, bytes, text, sizeof text);
        return "[" + std::string(text) + "]" + end;
    }
    inet_ntop(AF_INET, six ? bytes + 12 : bytes, text, sizeof text);
    return text + end;
}

std::string path_of(const nz_socket& told) {
    const std::size_t size = std::min<std::size_t>(told.path_size, NZ_SOCKET_PATH);
    if (size == 0) return {};
    if (told.path[0] != '\0') return {told.path, strnlen(told.path, size)};
    std::string name(told.path, size); // abstract: all of it is the name
    std::ranges::replace(name, '\0', '@');
    return name;
}

SocketQueue queue_of(const nz_socket& told) {
    SocketQueue queue{.owner = {.pid = told.pid, .start_ns = told.start_ns},
                      .fd = told.fd,
                      .inode = told.inode,
                      .network_namespace = told.network_namespace,
                      .kind = kind_of(told),
                      .length = told.length,
                      .limit = told.limit,
                      .mark = told.mark,
                      .accepts = (told.flags & (NZ_SOCKET_LISTENING | NZ_SOCKET_BOUND)) != 0,
                      .peer_closed = (told.flags & NZ_SOCKET_PEER_CLOSED) != 0,
                      .frozen = (told.flags & NZ_SOCKET_FROZEN) != 0};
    if (told.family == NZ_SOCKET_UNIX) {
        queue.local = path_of(told);
        return queue;
    }
    const bool six = (told.flags & NZ_SOCKET_V6) != 0;
    queue.local = address_of(told.local, told.local_port, six);
    if (told.peer_port != 0) queue.peer = address_of(told.peer, told.peer_port, six);
    return queue;
}

} // namespace

std::optional<ToldThread> take_thread(std::span<const std::byte>& bytes) {
    nz_wait told{};
    if (bytes.size() < sizeof(told)) return std::nullopt;
    std::memcpy(&told, bytes.data(), sizeof(told));
    const auto rest = bytes.subspan(sizeof(told));
    if (told.stack_size > rest.size()) return std::nullopt;
    const std::string_view stack(reinterpret_cast<const char*>(rest.data()), told.stack_size);
    bytes = rest.subspan(told.stack_size);
    return ToldThread{.wait = wait_of(told, stack), .why = told.why};
}

void SocketPass::add(const nz_socket& socket, const Sink& sink) {
    const bool listening = (socket.flags & NZ_SOCKET_LISTENING) != 0;
    if (listening && socket.family == NZ_SOCKET_TCP) served_.emplace(socket.network_namespace, socket.local_port);
    if (socket.length == 0) return;
    auto queue = queue_of(socket);
    if (queue.kind == SocketKind::tcp)
        connections_.push_back({.queue = std::move(queue), .port = socket.local_port});
    else
        sink(std::move(queue));
}

void SocketPass::finish(const Sink& sink) {
    for (auto& connection : connections_) {
        connection.queue.accepts = served_.contains({connection.queue.network_namespace, connection.port});
        sink(std::move(connection.queue));
    }
    connections_.clear();
    served_.clear();
}

} // namespace nezuban
