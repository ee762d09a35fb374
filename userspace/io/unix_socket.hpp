// Stream sockets with a name in the file system: what the control server and its clients need. Every descriptor that
// comes out of here is non-blocking and closed on exec.
#pragma once

#include "core/result.hpp"
#include "core/time.hpp"
#include "io/fd.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace nezuban {

struct PeerCredentials { // of whoever called connect, at that moment
    std::uint32_t pid = 0;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
};

// Creates the directory (0755) when it is missing. A socket file that nobody listens on is replaced; one with a living
// listener, or a file that is no socket, is an error. Remove the file with remove_file (io/files.hpp) at the end.
[[nodiscard]] Result<Fd> listen_unix(const std::string& path, std::uint32_t mode);

// Empty: nobody is waiting (any more). An error says that the system is out of something (descriptors, memory): the
// caller stays in the queue, so don't try again at once.
[[nodiscard]] Result<std::optional<Fd>> accept_unix(int listener);

[[nodiscard]] Result<PeerCredentials> peer_credentials(int fd);

// Error::number is ENOENT or ECONNREFUSED when nobody listens, EACCES when we may not, ETIMEDOUT when the listener's
// queue stayed full.
[[nodiscard]] Result<Fd> connect_unix(const std::string& path, Duration timeout);

// Two connected sockets.
[[nodiscard]] Result<std::pair<Fd, Fd>> socket_pair();

// How much may be sent before the other side reads: as near to this as we are allowed to get.
void enlarge_send_buffer(int fd, int bytes);

enum class Transfer {
    some,   // bytes were moved
    later,  // nothing can be moved now
    closed, // the other side has closed (on reading: all that it sent has been read)
    failed, // see error
};

struct Transferred {
    Transfer how = Transfer::failed;
    std::size_t bytes = 0; // > 0 exactly when some
    int error = 0;         // errno
};

// One read or write, of sockets and pipes. Writing never raises SIGPIPE on a socket.
[[nodiscard]] Transferred read_some(int fd, std::span<char> into);
[[nodiscard]] Transferred write_some(int fd, std::string_view bytes);

// All of it, however long that takes. False: nobody is there to read it.
[[nodiscard]] bool write_all(int fd, std::string_view bytes);

// For clients without a loop: waits until fd is ready for `events` (io/loop.hpp, namespace ready), hung up or failed.
// False: the time-out came first. No time-out: for ever.
[[nodiscard]] bool wait_ready(int fd, std::uint32_t events, std::optional<Duration> timeout);

} // namespace nezuban
