// Rows of the tables of sockets: /proc/net/tcp, tcp6, udp, udp6 and unix.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nezuban {

struct InetAddress {
    std::array<std::uint32_t, 4> words{}; // in the order of the network; of IPv4 the first one
    bool v6 = false;
    std::uint16_t port = 0;

    [[nodiscard]] bool any() const {
        return words == std::array<std::uint32_t, 4>{};
    }
    // "127.0.0.1:25", "[::1]:25"
    [[nodiscard]] std::string text() const;
};

struct InetSocket {
    InetAddress local;
    InetAddress peer;
    std::uint8_t state = 0;
    std::uint64_t inode = 0;

    [[nodiscard]] bool listening() const { // of TCP
        return state == 0x0A;
    }
};

struct UnixSocket {
    bool listening = false;
    std::uint64_t inode = 0;
    std::string path; // "@..." of an abstract one; empty: it has none
};

// Absent: not such a row, as the first line isn't. With or without the end of the line.
[[nodiscard]] std::optional<InetSocket> parse_inet_socket(std::string_view line);
[[nodiscard]] std::optional<UnixSocket> parse_unix_socket(std::string_view line);

} // namespace nezuban
