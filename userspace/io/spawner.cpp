#include "io/spawner.hpp"

#include "io/children.hpp"
#include "io/errno.hpp"
#include "io/files.hpp"
#include "io/zygote.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <map>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

namespace nezuban {

namespace {

constexpr std::size_t queue_limit = 1100;

struct Message {
    std::uint64_t token = 0;
    std::string bytes;
    std::vector<Fd> descriptors;
};

// An embedded NUL ends the string here, as it would at exec, and the count of strings stays right.
std::string_view up_to_nul(const std::string& text) {
    return std::string_view(text).substr(0, text.find('\0'));
}

Result<Message> encode(std::uint64_t token, SpawnRequest request) {
    if (request.argv.empty() || request.argv.front().empty()) return fail("a command without a program", EINVAL);
    if (request.extra.size() > zygote::extra_limit) return fail("too many descriptors for a command", EINVAL);
    request.after.resize(std::min(request.after.size(), zygote::after_limit));
    zygote::Request head{.token = token,
                         .argc = static_cast<std::uint32_t>(request.argv.size()),
                         .envc = static_cast<std::uint32_t>(request.environment.size()),
                         .own = request.own ? 1U : 0U,
                         .guarded = request.guarded ? 1U : 0U,
                         .after = static_cast<std::uint32_t>(request.after.size())};
    Message message{.token = token};
    message.bytes.assign(reinterpret_cast<const char*>(&head), sizeof head);
    message.bytes.append(reinterpret_cast<const char*>(request.after.data()), request.after.size() * sizeof(Identity));
    for (const auto& argument : request.argv)
        message.bytes.append(up_to_nul(argument)).push_back('\0');
    for (const auto& [name, value] : request.environment) {
        message.bytes.append(up_to_nul(name)).append("=").append(up_to_nul(value)).push_back('\0');
    }
    if (message.bytes.size() > zygote::message_limit) {
        return fail("arguments and environment of " + request.argv.front() + " are too long", E2BIG);
    }
    for (Fd* fd : {&request.input, &request.output}) {
        if (!*fd) {
            auto null = open_null();
            if (!null) return std::unexpected(null.error());
            *fd = std::move(*null);
        }
        message.descriptors.push_back(std::move(*fd));
    }
    for (auto& fd : request.extra)
        message.descriptors.push_back(std::move(fd));
    return message;
}

// 0 or an errno.
int send_message(int socket, const Message& message) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(zygote::descriptor_limit * sizeof(int))> control{};
    std::vector<int> numbers;
    numbers.reserve(message.descriptors.size());
    for (const auto& fd : message.descriptors)
        numbers.push_back(fd.get());
    iovec piece{.iov_base = const_cast<char*>(message.bytes.data()), .iov_len = message.bytes.size()};
    msghdr head{};
    head.msg_iov = &piece;
    head.msg_iovlen = 1;
    head.msg_control = control.data();
    head.msg_controllen = CMSG_SPACE(numbers.size() * sizeof(int));
    cmsghdr* part = CMSG_FIRSTHDR(&head);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(numbers.size() * sizeof(int));
    std::memcpy(CMSG_DATA(part), numbers.data(), numbers.size() * sizeof(int));
    while (::sendmsg(socket, &head, MSG_NOSIGNAL) < 0) {
        if (errno != EINTR) return errno;
    }
    return 0;
}

} // namespace

struct Spawner::State {
    Fd socket; // empty: the process is dead
    std::uint32_t process = 0;
    Loop* loop = nullptr;
    std::uint64_t next_token = 1;
    std::deque<Message> unsent;
    std::map<std::uint64_t, Done> unanswered; // in the order of the requests; those of `unsent`, too

    ~State() {
        bury();
    }

    Result<void> start() {
        std::array<int, 2> ends{};
        if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
            return fail_errno("creating the spawner's socket");
        }
        Fd ours(ends[0]);
        Fd theirs(ends[1]);
        auto pid = ::fork();
        if (pid < 0) return fail_errno("forking the spawner");
        if (pid == 0) {
            ours.reset();
            zygote::serve(theirs.get());
        }
        if (auto done = make_nonblocking(ours.get()); !done) return done;
        socket = std::move(ours);
        process = static_cast<std::uint32_t>(pid);
        return watch();
    }

    [[nodiscard]] std::uint32_t events() const {
        return unsent.empty() ? ready::in : ready::in | ready::out;
    }

    Result<void> watch() {
        if (loop == nullptr || !socket) return {};
        return loop->watch(socket.get(), events(), [this](std::uint32_t) {
            receive();
            flush();
        });
    }

    void bury() {
        if (!socket) return;
        if (loop != nullptr) loop->forget(socket.get());
        socket.reset();
        reap_child(std::exchange(process, 0));
        unsent.clear();
    }

    // The process is gone: whoever waits for an answer gets one. It is started again with the next request.
    void lost() {
        bury();
        auto waiting = std::exchange(unanswered, {});
        for (auto& [token, done] : waiting)
            done({.error = ECONNRESET});
    }

    void receive() {
        while (socket) {
            zygote::Reply reply{};
            auto size = ::recv(socket.get(), &reply, sizeof reply, 0);
            if (size < 0 && errno == EINTR) continue;
            if (size < 0 && errno == EAGAIN) return;
            if (size != sizeof reply) return lost();
            auto found = unanswered.find(reply.token);
            if (found == unanswered.end()) continue;
            auto done = std::move(found->second);
            unanswered.erase(found);
            done({.pid = reply.pid, .error = reply.error});
        }
    }

    void flush() {
        while (socket && !unsent.empty()) {
            int error = send_message(socket.get(), unsent.front());
            if (error == EAGAIN) break;
            if (error == EPIPE || error == ECONNRESET) break; // receive() will find out, after the last answers
            auto token = unsent.front().token;
            unsent.pop_front();
            if (error != 0) refuse(token, error);
        }
        [[maybe_unused]] auto updated = update();
    }

    Result<void> update() {
        if (loop == nullptr || !socket) return {};
        return loop->modify(socket.get(), events());
    }

    void refuse(std::uint64_t token, int error) {
        auto found = unanswered.find(token);
        if (found == unanswered.end()) return;
        auto done = std::move(found->second);
        unanswered.erase(found);
        done({.error = error});
    }
};

Spawner::Spawner(std::unique_ptr<State> state) : state_(std::move(state)) {}
Spawner::~Spawner() = default;
Spawner::Spawner(Spawner&&) noexcept = default;
Spawner& Spawner::operator=(Spawner&&) noexcept = default;

Result<Spawner> Spawner::start() {
    auto state = std::make_unique<State>();
    if (auto started = state->start(); !started) return std::unexpected(started.error());
    return Spawner(std::move(state));
}

Result<void> Spawner::attach(Loop& loop) {
    state_->loop = &loop;
    return state_->watch();
}

Result<void> Spawner::request(SpawnRequest request, Done done) {
    auto& state = *state_;
    if (state.unsent.size() >= queue_limit) return fail("too many commands are waiting to be started", EAGAIN);
    auto token = state.next_token++;
    auto message = encode(token, std::move(request));
    if (!message) return std::unexpected(message.error());
    if (!state.socket) {
        if (auto started = state.start(); !started) return started;
    }
    // Straight away when nobody is before us: the way through the loop would cost a turn.
    int error = state.unsent.empty() ? send_message(state.socket.get(), *message) : EAGAIN;
    bool later = error == EAGAIN || error == EPIPE || error == ECONNRESET;
    if (error != 0 && !later) return fail_errno("asking the spawner", error);
    state.unanswered.emplace(token, std::move(done));
    if (!later) return {};
    state.unsent.push_back(std::move(*message));
    return state.update();
}

std::size_t Spawner::outstanding() const {
    return state_->unanswered.size();
}

std::uint32_t Spawner::pid() const {
    return state_->process;
}

} // namespace nezuban
