#include "io/socket_tables.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>

#include <arpa/inet.h>

namespace nezuban {

namespace {

constexpr std::size_t word_digits = 8;

std::string_view take_word(std::string_view& line) {
    line.remove_prefix(std::min(line.size(), line.find_first_not_of(' ')));
    const auto word = line.substr(0, line.find_first_of(" \n"));
    line.remove_prefix(word.size());
    return word;
}

void skip_words(std::string_view& line, int count) {
    for (; count > 0; --count) {
        take_word(line);
    }
}

template <typename Number> bool read(std::string_view text, Number& number, int base) {
    const auto [end, error] = std::from_chars(text.begin(), text.end(), number, base);
    return error == std::errc() && end == text.end();
}

// "0100007F:0019": each 32-bit word of the address as a number of this machine, then the port.
bool read(std::string_view text, InetAddress& address) {
    const auto colon = text.find(':');
    address.v6 = colon == address.words.size() * word_digits;
    if (!address.v6 && colon != word_digits) return false;
    for (std::size_t i = 0; i < colon / word_digits; ++i) {
        if (!read(text.substr(i * word_digits, word_digits), address.words.at(i), 16)) return false;
    }
    return read(text.substr(colon + 1), address.port, 16);
}

} // namespace

std::string InetAddress::text() const {
    std::array<char, INET6_ADDRSTRLEN> name{};
    ::inet_ntop(v6 ? AF_INET6 : AF_INET, words.data(), name.data(), name.size());
    return (v6 ? "[" + std::string(name.data()) + "]" : std::string(name.data())) + ":" + std::to_string(port);
}

// "0: LOCAL PEER STATE queues timer retransmits uid timeout INODE ..."
std::optional<InetSocket> parse_inet_socket(std::string_view line) {
    InetSocket socket;
    skip_words(line, 1);
    if (!read(take_word(line), socket.local) || !read(take_word(line), socket.peer)) return std::nullopt;
    if (!read(take_word(line), socket.state, 16)) return std::nullopt;
    skip_words(line, 5);
    if (!read(take_word(line), socket.inode, 10)) return std::nullopt;
    return socket;
}

// "0000000000000000: references protocol FLAGS type state INODE PATH"
std::optional<UnixSocket> parse_unix_socket(std::string_view line) {
    constexpr std::uint32_t listening = 0x10000; // SO_ACCEPTCON
    UnixSocket socket;
    std::uint32_t flags = 0;
    skip_words(line, 3);
    if (!read(take_word(line), flags, 16)) return std::nullopt;
    skip_words(line, 2);
    if (!read(take_word(line), socket.inode, 10)) return std::nullopt;
    socket.listening = (flags & listening) != 0;
    if (line.starts_with(' ')) socket.path = line.substr(1, line.find('\n') - 1); // it may have blanks in it
    return socket;
}

} // namespace nezuban
