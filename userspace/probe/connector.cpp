#include "probe/connector.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <tuple>
#include <utility>

#include <climits>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nezuban {

namespace {

// The kernel answers within the system call that asks; where it doesn't, nobody ever will.
constexpr std::chrono::milliseconds patience(50);
constexpr std::size_t longest_message = 512;

struct Received {
    std::uint32_t answers = 0; // the question's mark and 1
    proc_event event{};
};

// Copied out: nothing says that a datagram lies where a proc_event may.
std::optional<Received> received(std::span<const std::byte> datagram) {
    constexpr auto event_at = NLMSG_HDRLEN + sizeof(cn_msg);
    // Older kernels send shorter events, of the same beginning.
    constexpr auto shortest = offsetof(proc_event, event_data) + sizeof(proc_event::event_data.ack);
    if (datagram.size() < event_at + shortest) return std::nullopt;
    cn_msg message{};
    std::memcpy(&message, datagram.data() + NLMSG_HDRLEN, sizeof(message));
    if (message.id.idx != CN_IDX_PROC || message.id.val != CN_VAL_PROC) return std::nullopt;
    Received all{.answers = message.ack};
    const auto size = std::min({sizeof(all.event), datagram.size() - event_at, std::size_t{message.len}});
    if (size < shortest) return std::nullopt;
    std::memcpy(&all.event, datagram.data() + event_at, size);
    return all;
}

// Empty: there is nothing to be read, or what came wasn't the kernel's.
Result<std::optional<std::span<const std::byte>>> receive(int socket, std::span<std::byte> buffer) {
    using Datagram = std::optional<std::span<const std::byte>>;
    while (true) {
        sockaddr_nl sender{};
        socklen_t size = sizeof(sender);
        const auto got =
            recvfrom(socket, buffer.data(), buffer.size(), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&sender), &size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == ENOBUFS) continue; // counted by the socket: see take_losses
        if (got < 0 && errno == EAGAIN) return Datagram();
        if (got < 0) return fail(std::string("reading the process connector: ") + std::strerror(errno), errno);
        // Anybody may send to a netlink socket; only the kernel has the number 0.
        const bool of_kernel = size == sizeof(sender) && sender.nl_pid == 0;
        return Datagram(of_kernel ? std::span<const std::byte>(buffer).first(static_cast<std::size_t>(got))
                                  : std::span<const std::byte>());
    }
}

Result<void> ask(int socket, proc_cn_mcast_op wish, std::uint32_t mark) {
    std::array<std::byte, NLMSG_SPACE(sizeof(cn_msg) + sizeof(proc_cn_mcast_op))> request{};
    const nlmsghdr header{.nlmsg_len = NLMSG_LENGTH(sizeof(cn_msg) + sizeof(wish)),
                          .nlmsg_type = NLMSG_DONE,
                          .nlmsg_flags = 0,
                          .nlmsg_seq = 0,
                          .nlmsg_pid = 0};
    std::memcpy(request.data(), &header, sizeof(header));
    cn_msg message{};
    message.id = {.idx = CN_IDX_PROC, .val = CN_VAL_PROC};
    message.ack = mark; // the answer's seq is a number of the kernel's own
    message.len = sizeof(wish);
    std::memcpy(request.data() + NLMSG_HDRLEN, &message, sizeof(message));
    std::memcpy(request.data() + NLMSG_HDRLEN + sizeof(message), &wish, sizeof(wish));
    if (send(socket, request.data(), request.size(), 0) < 0)
        return fail(std::string("asking the process connector: ") + std::strerror(errno), errno);
    return {};
}

// Its answer to us is told to all who listen, and theirs to us: the mark tells them apart.
Result<void> await_answer(int socket, std::uint32_t mark) {
    std::array<std::byte, longest_message> buffer{};
    pollfd readable{.fd = socket, .events = POLLIN, .revents = 0};
    timespec left{.tv_sec = 0, .tv_nsec = std::chrono::nanoseconds(patience).count()};
    // ppoll of Linux leaves in `left` what remains: on a busy host there is always another message.
    while (::syscall(SYS_ppoll, &readable, 1, &left, nullptr, 0) > 0) {
        const auto datagram = receive(socket, buffer);
        if (!datagram) return std::unexpected(datagram.error());
        const auto got = *datagram ? received(**datagram) : std::nullopt;
        if (!got || got->event.what != proc_event::PROC_EVENT_NONE || got->answers != mark + 1) continue;
        const auto error = static_cast<int>(got->event.event_data.ack.err);
        if (error == 0) return {};
        return fail(std::string("the process connector refuses: ") + std::strerror(error), error);
    }
    return fail("the process connector doesn't answer (CONFIG_PROC_EVENTS; the first pid and user namespace)",
                ETIMEDOUT);
}

} // namespace

std::optional<ProcMessage> decode_connector(std::span<const std::byte> datagram) {
    const auto got = received(datagram);
    if (!got) return std::nullopt;
    const auto& event = got->event;
    const auto& data = event.event_data;
    const auto message = [&](ProcMessage::Kind kind, __kernel_pid_t tid, __kernel_pid_t pid) {
        return ProcMessage{.kind = kind,
                           .time = Time(Duration(static_cast<Duration::rep>(event.timestamp_ns))),
                           .tid = static_cast<std::uint32_t>(tid),
                           .pid = static_cast<std::uint32_t>(pid)};
    };
    switch (event.what) {
    case proc_event::PROC_EVENT_FORK: {
        auto fork = message(ProcMessage::Kind::fork, data.fork.child_pid, data.fork.child_tgid);
        fork.parent = static_cast<std::uint32_t>(data.fork.parent_tgid);
        return fork;
    }
    case proc_event::PROC_EVENT_EXEC:
        return message(ProcMessage::Kind::exec, data.exec.process_pid, data.exec.process_tgid);
    case proc_event::PROC_EVENT_COMM:
        return message(ProcMessage::Kind::rename, data.comm.process_pid, data.comm.process_tgid);
    case proc_event::PROC_EVENT_UID:
    case proc_event::PROC_EVENT_GID:
        return message(ProcMessage::Kind::owner, data.id.process_pid, data.id.process_tgid);
    case proc_event::PROC_EVENT_EXIT: {
        auto exit = message(ProcMessage::Kind::exit, data.exit.process_pid, data.exit.process_tgid);
        exit.status = static_cast<int>(data.exit.exit_code);
        return exit;
    }
    default: return std::nullopt;
    }
}

Result<Connector> Connector::open(std::size_t buffer) {
    Descriptor socket(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR));
    if (!socket) return fail(std::string("opening the process connector: ") + std::strerror(errno), errno);
    const int size = static_cast<int>(std::min<std::size_t>(buffer, INT_MAX / 2));
    // Without the privilege for more than the limit, as much as there is.
    if (setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
        setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = CN_IDX_PROC;
    if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
        return fail(std::string("binding the process connector: ") + std::strerror(errno), errno);
    const auto mark = static_cast<std::uint32_t>(getpid()) << 8U | (static_cast<std::uint32_t>(socket.get()) & 0xffU);
    Connector connector(std::move(socket)); // takes back what it has asked for, whatever comes of it
    if (auto asked = ask(connector.descriptor(), PROC_CN_MCAST_LISTEN, mark); !asked)
        return std::unexpected(asked.error());
    if (auto answered = await_answer(connector.descriptor(), mark); !answered) return std::unexpected(answered.error());
    return connector;
}

// Before 6.6 the kernel counts who listens, and the end of the socket takes nobody from that count: without this, each
// fork of the machine would be told to nobody for ever.
Connector::~Connector() {
    if (socket_) std::ignore = ask(socket_.get(), PROC_CN_MCAST_IGNORE, 0);
}

std::size_t Connector::drain(std::size_t most, const std::function<void(const ProcMessage&)>& sink) {
    std::array<std::byte, longest_message> buffer{};
    for (std::size_t taken = 0; taken < most; ++taken) {
        const auto datagram = receive(socket_.get(), buffer);
        if (!datagram || !*datagram) return taken;
        if (const auto message = decode_connector(**datagram)) sink(*message);
    }
    return most;
}

std::uint64_t Connector::take_losses() {
    std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
    socklen_t size = sizeof(memory);
    if (getsockopt(socket_.get(), SOL_SOCKET, SO_MEMINFO, memory.data(), &size) != 0) return 0;
    const auto now = memory.at(SK_MEMINFO_DROPS);
    return now - std::exchange(losses_told_, now); // it wraps
}

} // namespace nezuban
