// The control socket's listening end: one request a connection, one answer, closed.
//
// No client can delay anybody: everything is non-blocking, buffered and bounded in size, number and time. When all
// places are taken, a newcomer gets that of the client which has been there longest, once it had its chance: 64 hung
// clients must not keep the cluster from asking for health.
#pragma once

#include "control/protocol.hpp"
#include "core/result.hpp"
#include "core/time.hpp"
#include "io/fd.hpp"
#include "io/loop.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

namespace nezuban {

class Server {
public:
    // May be called at once or later, for as long as the server lives; the first one counts.
    using Reply = std::function<void(const Response&)>;
    // Called from within Loop::step. Does not throw and does not block.
    using Handler = std::function<void(const Request&, Reply)>;

    static constexpr std::size_t clients_max = 64;
    static constexpr Duration patience = std::chrono::seconds{5}; // for the request, and again for the answer
    static constexpr Duration chance = std::chrono::milliseconds{100};

    // The socket is created with mode 0600 and belongs to this object. The loop must outlive it.
    static Result<std::unique_ptr<Server>> listen(Loop& loop, std::string path, Handler handler);

    ~Server(); // closes all connections and removes the socket
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // When advance has something to do.
    [[nodiscard]] std::optional<Time> next_deadline() const;
    // Drops whoever took too long.
    void advance(Time now);

    [[nodiscard]] std::size_t clients() const {
        return clients_.size();
    }

private:
    struct Client {
        Fd fd;
        Time since;
        std::uint64_t number = 0;
        std::optional<Time> deadline; // none: the answer is being prepared, for which somebody else has a deadline
        std::string request;
        std::string answer; // not empty: the request is complete, and this is being written
        std::size_t written = 0;
    };
    using Place = std::list<Client>::iterator; // stays valid while others come and go; the list is in order of arrival

    Server(Loop& loop, std::string path, Fd listener, Handler handler, std::uint32_t own_uid);
    void open_door(Time now);
    void accept_some();
    void admit(Fd fd, Time now);
    void on_ready(Place place, std::uint32_t events);
    void read(Place place);
    void handle(Place place, const Request& request);
    void answer(Place place, const Response& response);
    void write(Place place);
    void drop(Place place);

    Loop& loop_;
    std::string path_;
    Fd listener_;
    Handler handler_;
    std::uint32_t own_uid_;
    std::list<Client> clients_;
    std::uint64_t next_number_ = 0;
    bool door_open_ = false;
    std::optional<Time> shut_until_; // the system is out of descriptors or memory: not again at once
};

} // namespace nezuban
