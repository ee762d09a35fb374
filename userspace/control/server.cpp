#include "control/server.hpp"

#include "io/clock.hpp"
#include "io/files.hpp"
#include "io/own_process.hpp"
#include "io/unix_socket.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace nezuban {

namespace {

constexpr int accepts_at_once = 16; // then the other descriptors have their turn
constexpr Duration pause_when_exhausted = std::chrono::milliseconds{200};

} // namespace

Result<std::unique_ptr<Server>> Server::listen(Loop& loop, std::string path, Handler handler) {
    auto listener = listen_unix(path, 0600);
    if (!listener) return std::unexpected(listener.error().in("opening the control socket"));
    std::unique_ptr<Server> server(
        new Server(loop, std::move(path), std::move(*listener), std::move(handler), own_uid()));
    auto* self = server.get();
    auto watched = loop.watch(self->listener_.get(), ready::in, [self](std::uint32_t) { self->accept_some(); });
    if (!watched) return std::unexpected(watched.error().in("opening the control socket"));
    self->door_open_ = true;
    return server;
}

Server::Server(Loop& loop, std::string path, Fd listener, Handler handler, std::uint32_t own_uid)
    : loop_(loop), path_(std::move(path)), listener_(std::move(listener)), handler_(std::move(handler)),
      own_uid_(own_uid) {}

Server::~Server() {
    while (!clients_.empty())
        drop(clients_.begin());
    loop_.forget(listener_.get());
    // Before it is closed: whoever takes the path after us has made a new file, and nobody may remove that.
    [[maybe_unused]] const auto removed = remove_file(path_);
}

std::optional<Time> Server::next_deadline() const {
    std::optional<Time> first = shut_until_;
    const auto consider = [&](Time time) { first = first ? std::min(*first, time) : time; };
    for (const auto& client : clients_) {
        if (client.deadline) consider(*client.deadline);
    }
    if (!door_open_ && !shut_until_ && clients_.size() >= clients_max) consider(clients_.front().since + chance);
    return first;
}

void Server::advance(Time now) {
    for (auto place = clients_.begin(); place != clients_.end();) {
        const auto next = std::next(place);
        if (place->deadline && *place->deadline <= now) drop(place);
        place = next;
    }
    if (shut_until_ && *shut_until_ <= now) shut_until_.reset();
    open_door(now);
}

// The listener is level-triggered: it is only watched while a newcomer could be let in.
void Server::open_door(Time now) {
    const bool place = clients_.size() < clients_max || clients_.front().since + chance <= now;
    const bool open = place && !shut_until_;
    if (open == door_open_) return;
    if (loop_.modify(listener_.get(), open ? ready::in : 0U))
        door_open_ = open;
    else
        shut_until_ = now + pause_when_exhausted; // for want of memory, most likely
}

void Server::accept_some() {
    const auto now = monotonic_now();
    for (int i = 0; i < accepts_at_once; ++i) {
        if (clients_.size() >= clients_max && clients_.front().since + chance > now) break;
        auto accepted = accept_unix(listener_.get());
        if (!accepted) {
            shut_until_ = now + pause_when_exhausted;
            break;
        }
        if (!*accepted) break;
        admit(std::move(**accepted), now);
    }
    open_door(now);
}

void Server::admit(Fd fd, Time now) {
    // The file's mode keeps others out; this holds, too, when somebody has changed it.
    const auto peer = peer_credentials(fd.get());
    if (!peer || (peer->uid != 0 && peer->uid != own_uid_)) {
        const auto line = to_line(refusal("not permitted: only root may ask the daemon", exit_not_permitted));
        [[maybe_unused]] const auto sent = write_some(fd.get(), line); // it fits into an empty socket's buffer
        return;
    }
    if (clients_.size() >= clients_max) drop(clients_.begin());
    clients_.push_back({.fd = std::move(fd),
                        .since = now,
                        .number = next_number_++,
                        .deadline = now + patience,
                        .request = {},
                        .answer = {},
                        .written = 0});
    const auto place = std::prev(clients_.end());
    const auto watched =
        loop_.watch(place->fd.get(), ready::in, [this, place](std::uint32_t events) { on_ready(place, events); });
    if (!watched) drop(place);
}

void Server::on_ready(Place place, std::uint32_t events) {
    if (place->answer.empty())
        read(place);
    else if ((events & (ready::error | ready::hangup)) != 0)
        drop(place);
    else
        write(place);
    open_door(monotonic_now());
}

void Server::read(Place place) {
    std::array<char, 4096> buffer; // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
    const auto moved = read_some(place->fd.get(), buffer);
    switch (moved.how) {
    case Transfer::later: return;
    case Transfer::failed: drop(place); return;
    case Transfer::closed:
        // Whoever only closed its sending half still listens for this.
        if (place->request.empty())
            drop(place);
        else
            answer(place, refusal("the request ended without a newline", exit_usage));
        return;
    case Transfer::some: break;
    }
    place->request.append(buffer.data(), moved.bytes);
    const auto newline = place->request.find('\n', place->request.size() - moved.bytes);
    if (std::min(newline, place->request.size()) >= request_size_max) {
        answer(place, refusal(fmt::format("the request is longer than {} bytes", request_size_max), exit_usage));
    } else if (newline != std::string::npos) {
        const auto request = parse_request(std::string_view{place->request}.substr(0, newline));
        if (request)
            handle(place, *request);
        else
            answer(place, refusal(request.error().text, exit_usage));
    }
}

void Server::handle(Place place, const Request& request) {
    const auto number = place->number;
    const auto unanswered = [this, number] {
        return std::ranges::find_if(
            clients_, [&](const Client& client) { return client.number == number && client.answer.empty(); });
    };
    handler_(request, [this, unanswered](const Response& response) {
        if (const auto client = unanswered(); client != clients_.end()) answer(client, response);
    });
    const auto waiting = unanswered();
    if (waiting == clients_.end()) return;
    waiting->deadline.reset();
    if (!loop_.modify(waiting->fd.get(), 0)) drop(waiting);
}

void Server::answer(Place place, const Response& response) {
    place->answer = to_line(response);
    place->request.clear();
    place->deadline = monotonic_now() + patience;
    write(place);
}

void Server::write(Place place) {
    const auto rest = std::string_view{place->answer}.substr(place->written);
    const auto moved = write_some(place->fd.get(), rest);
    if (moved.how == Transfer::some) place->written += moved.bytes;
    const bool over = moved.how == Transfer::closed || moved.how == Transfer::failed;
    if (over || place->written == place->answer.size()) {
        drop(place);
        return;
    }
    if (!loop_.modify(place->fd.get(), ready::out)) drop(place);
}

void Server::drop(Place place) {
    loop_.forget(place->fd.get());
    clients_.erase(place);
}

} // namespace nezuban
