#include "control/client.hpp"

#include "control/wording.hpp"
#include "io/clock.hpp"
#include "io/errno.hpp"
#include "io/loop.hpp"
#include "io/own_process.hpp"
#include "io/unix_socket.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <span>
#include <string_view>

#include <fmt/format.h>

namespace nezuban {

namespace {

constexpr std::size_t chunk_size = 64U << 10U;

class Exchange {
public:
    Exchange(std::string path, Duration timeout)
        : path_(std::move(path)), timeout_(timeout), deadline_(monotonic_now() + timeout) {}

    Result<std::string> run(std::string_view request) {
        auto fd = connect_unix(path_, timeout_);
        if (!fd) return explained(fd.error());
        fd_ = std::move(*fd);
        if (auto trusted = trust(); !trusted) return std::unexpected(trusted.error());
        if (auto sent = send(request); !sent) return std::unexpected(sent.error());
        return receive();
    }

private:
    // Where others may write beside the socket, one of theirs may be in its place, and would tell us what it pleases.
    [[nodiscard]] Result<void> trust() const {
        const auto peer = peer_credentials(fd_.get());
        if (!peer) return std::unexpected(peer.error());
        if (peer->uid == 0 || peer->uid == own_uid()) return {};
        return fail(fmt::format("{} is served by uid {}, neither root nor us", path_, peer->uid), EACCES);
    }
    static Result<std::string> explained(const Error& error) {
        switch (error.number) {
        case ENOENT:
        case ECONNREFUSED: return fail("the daemon is not running: " + error.text, error.number);
        case EACCES:
        case EPERM: return fail("not permitted (are you root?): " + error.text, error.number);
        default: return std::unexpected(error.in("asking the daemon"));
        }
    }
    [[nodiscard]] std::unexpected<Error> late() const {
        return fail(fmt::format("the daemon did not answer on {} within {}", path_, control::brief(timeout_)),
                    ETIMEDOUT);
    }
    [[nodiscard]] bool wait(std::uint32_t events) const {
        return wait_ready(fd_.get(), events, std::max(deadline_ - monotonic_now(), Duration::zero()));
    }
    Result<void> send(std::string_view request) {
        while (!request.empty()) {
            const auto moved = write_some(fd_.get(), request);
            if (moved.how == Transfer::some) request.remove_prefix(moved.bytes);
            // It closed its end without reading on: why stands in what it sent before.
            else if (moved.how == Transfer::closed)
                return {};
            else if (moved.how == Transfer::failed)
                return fail_errno("writing to " + path_, moved.error);
            else if (!wait(ready::out))
                return late();
        }
        return {};
    }
    Result<std::string> receive() {
        const auto buffer = std::make_unique<char[]>(chunk_size); // NOLINT(*-avoid-c-arrays): too big for the stack
        std::string answer;
        while (answer.size() <= response_size_max) {
            const auto moved = read_some(fd_.get(), std::span{buffer.get(), chunk_size});
            if (moved.how == Transfer::closed) return fail("the daemon closed " + path_ + " without an answer", EPIPE);
            if (moved.how == Transfer::failed) return fail_errno("reading from " + path_, moved.error);
            // Also while bytes keep coming: a daemon that trickles is as late as one that is silent.
            if (moved.how == Transfer::later ? !wait(ready::in) : monotonic_now() >= deadline_) return late();
            if (moved.how == Transfer::later) continue;
            answer.append(buffer.get(), moved.bytes);
            const auto newline = answer.find('\n', answer.size() - moved.bytes);
            if (newline == std::string::npos) continue;
            answer.resize(newline);
            return answer;
        }
        return fail("the answer on " + path_ + " has no end", EMSGSIZE);
    }

    std::string path_;
    Duration timeout_;
    Time deadline_;
    Fd fd_;
};

} // namespace

Result<Response> ask(const std::string& socket_path, const Request& request, Duration timeout) {
    const auto line = Exchange{socket_path, timeout}.run(to_line(request));
    if (!line) return std::unexpected(line.error());
    auto response = parse_response(*line);
    if (!response) return std::unexpected(response.error().in("asking the daemon on " + socket_path));
    return response;
}

int exit_code_of(const Error& error) {
    return error.number == EACCES || error.number == EPERM ? exit_not_permitted : exit_unreachable;
}

} // namespace nezuban
