// Whatever stands in the tables of /proc: a row is a row whatever is in its names, and one that says the same is read
// the same.
#include "io/kernel_symbols.hpp"
#include "io/mount_info.hpp"
#include "io/socket_tables.hpp"
#include "properties.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace {

using namespace nezuban;
using fuzz::require;

std::string hexadecimal(const InetAddress& address) {
    const auto words = std::span(address.words).first(address.v6 ? 4 : 1);
    return fmt::format("{:08X}:{:04X}", fmt::join(words, ""), address.port);
}

void try_inet(std::string_view line) {
    const auto socket = parse_inet_socket(line);
    if (!socket) return;
    require(fuzz::can_be_shown(socket->local.text()) && socket->local.text().size() <= 53);
    require(socket->local.v6 == socket->local.text().starts_with('['));
    const auto again =
        parse_inet_socket(fmt::format("1: {} {} {:02X} 0:0 0:0 0 0 0 {} 1 0\n", hexadecimal(socket->local),
                                      hexadecimal(socket->peer), socket->state, socket->inode));
    require(again && again->local.text() == socket->local.text() && again->peer.text() == socket->peer.text()
            && again->listening() == socket->listening() && again->inode == socket->inode);
}

void try_unix(std::string_view line) {
    const auto socket = parse_unix_socket(line);
    if (!socket) return;
    require(socket->path.size() < line.size() && socket->path.find('\n') == std::string::npos);
    const auto again = parse_unix_socket(
        fmt::format("0: 2 0 {:08X} 1 1 {} {}\n", socket->listening ? 0x10000 : 0, socket->inode, socket->path));
    require(again && again->path == socket->path && again->inode == socket->inode
            && again->listening == socket->listening);
}

// As the kernel writes it.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == ' ' || c == '\t' || c == '\n' || c == '\\')
            out += fmt::format("\\{:03o}", static_cast<unsigned char>(c));
        else
            out += c;
    }
    return out;
}

void try_mount(std::string_view line) {
    const auto mount = parse_mount(line);
    if (!mount) return;
    require(!mount->id.empty() && !mount->place.empty() && !mount->type.empty() && !mount->source.empty());
    const auto again =
        parse_mount(fmt::format("{} 1 {} {} {} rw x:1 - {} {} rw\n", mount->id, mount->device, escaped(mount->root),
                                escaped(mount->place), mount->type, escaped(mount->source)));
    require(again && again->id == mount->id && again->device == mount->device && again->root == mount->root
            && again->place == mount->place && again->type == mount->type && again->source == mount->source);
}

void try_symbols(const std::string& text) {
    const auto symbols = KernelSymbols::parse(text);
    if (!symbols) return;
    require(symbols->name(0).empty());
    // Around all that looks like an address.
    for (std::size_t at = 0; at < text.size(); at = std::min(text.find('\n', at), text.size()) + 1) {
        std::uint64_t address = 0;
        std::from_chars(text.data() + at, text.data() + text.size(), address, 16);
        for (const auto beside : {address, address + 1, address - 1}) {
            const auto name = symbols->name(beside);
            require(name.size() <= text.size() + 10 && name.find('\n') == std::string::npos);
            require(name.empty() || name.find("+0x") != std::string::npos);
        }
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    try_inet(text);
    try_unix(text);
    try_mount(text);
    try_symbols(text);
    return 0;
}
