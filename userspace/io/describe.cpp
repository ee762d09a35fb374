// What is behind a descriptor. The file itself is never touched: its disk may be dead, and naming it is then the point.
#include "io/examine.hpp"
#include "io/fd.hpp"
#include "io/files.hpp"
#include "io/mount_info.hpp"
#include "io/socket_tables.hpp"

#include <array>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <sstream>
#include <string_view>

#include <unistd.h>

namespace nezuban {

namespace {

constexpr std::size_t text_limit = 4UL << 20U;
constexpr std::size_t lines_limit = 200'000; // of a table of sockets

std::string read_link(const std::string& path) {
    std::array<char, 4096> target{};
    const auto size = ::readlink(path.c_str(), target.data(), target.size());
    return size > 0 ? std::string(target.data(), static_cast<std::size_t>(size)) : std::string();
}

std::string of_process(std::uint32_t pid, const std::string& name) {
    return "/proc/" + std::to_string(pid) + "/" + name;
}

std::vector<std::string> words_of(const std::string& line) {
    std::vector<std::string> words;
    std::istringstream stream(line);
    for (std::string word; stream >> word;)
        words.push_back(std::move(word));
    return words;
}

std::string value_of(const std::string& text, std::string_view key) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with(key)) continue;
        const auto words = words_of(line.substr(key.size()));
        return words.empty() ? std::string() : words.front();
    }
    return {};
}

std::string block_device_name(const std::string& number) {
    const auto link = read_link("/sys/dev/block/" + number);
    return link.substr(link.rfind('/') + 1);
}

// "/dev/loop0 (7:0)", "server:/export (nfs4)", "tmpfs": what the mount of this id lies on.
std::string device_of_mount(std::uint32_t pid, const std::string& mount_id) {
    const auto mounts = read_file(of_process(pid, "mountinfo"), text_limit);
    if (!mounts || mount_id.empty()) return {};
    std::istringstream lines(*mounts);
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with(mount_id + " ")) continue;
        const auto mount = parse_mount(line);
        if (!mount || mount->type == "devtmpfs" || mount->type == "devpts") return {}; // a device is named by its path
        if (!mount->device.starts_with("0:")) {
            const auto name = block_device_name(mount->device);
            return (name.empty() ? mount->source : "/dev/" + name) + " (" + mount->device + ")";
        }
        return mount->source == mount->type ? mount->type : mount->source + " (" + mount->type + ")";
    }
    return {};
}

// Of several the first, and of those the first that shows all of it.
std::optional<Mount> mount_of_device(const std::string& mountinfo, const std::string& number) {
    const auto mounts = read_file(mountinfo, text_limit);
    if (!mounts) return std::nullopt;
    std::optional<Mount> found;
    std::istringstream lines(*mounts);
    for (std::string line; std::getline(lines, line);) {
        auto mount = parse_mount(line);
        if (!mount || mount->device != number) continue;
        if (mount->root == "/") return mount;
        if (!found) found = std::move(mount);
    }
    return found;
}

std::string describe_file(std::uint32_t pid, int fd, const std::string& path) {
    const auto info = read_file(of_process(pid, "fdinfo/" + std::to_string(fd)), text_limit);
    if (!info) return path;
    const auto device = device_of_mount(pid, value_of(*info, "mnt_id:"));
    return device.empty() ? path : path + " on " + device;
}

std::string in_words(const InetSocket& socket, bool tcp) {
    const auto local = "socket " + socket.local.text();
    if (tcp && socket.listening()) return local + " (listening)";
    return socket.peer.port == 0 ? local : local + " <- " + socket.peer.text();
}

// The row with this inode, as `parse` reads it. Few rows hold that number anywhere, so few are parsed.
template <typename Socket>
std::optional<Socket> find_row(const std::string& table, std::optional<Socket> (*parse)(std::string_view),
                               const std::string& inode) {
    const auto close = [](std::FILE* file) { std::fclose(file); };
    const std::unique_ptr<std::FILE, decltype(close)> file(std::fopen(table.c_str(), "re"), close);
    if (!file) return std::nullopt;
    std::array<char, 512> line{};
    for (std::size_t i = 0; i < lines_limit && std::fgets(line.data(), line.size(), file.get()) != nullptr; ++i) {
        if (std::strstr(line.data(), inode.c_str()) == nullptr) continue;
        auto row = parse(line.data());
        if (row && std::to_string(row->inode) == inode) return row;
    }
    return std::nullopt;
}

std::string describe_socket(std::uint32_t pid, const std::string& link) {
    const auto inode = link.substr(8, link.size() - 9); // socket:[4711]
    for (const auto* table : {"tcp", "tcp6", "udp", "udp6"}) {
        const auto row = find_row(of_process(pid, std::string("net/") + table), parse_inet_socket, inode);
        if (row) return in_words(*row, table[0] == 't');
    }
    const auto row = find_row(of_process(pid, "net/unix"), parse_unix_socket, inode);
    return row && !row->path.empty() ? "socket " + row->path : link;
}

} // namespace

std::string describe_descriptor(std::uint32_t pid, int fd) {
    auto link = read_link(of_process(pid, "fd/" + std::to_string(fd)));
    if (link == "anon_inode:[eventpoll]") return "epoll";
    if (link.starts_with("anon_inode:[")) return link.substr(12, link.size() - 13);
    if (link.starts_with("anon_inode:")) return link.substr(11);
    if (link.starts_with("socket:[")) return describe_socket(pid, link);
    if (link.starts_with("/")) return describe_file(pid, fd, link);
    return link;
}

std::string describe_device(const StackDevice& device, std::uint32_t pid) {
    const auto number = std::to_string(device.major) + ":" + std::to_string(device.minor);
    auto mount = mount_of_device("/proc/self/mountinfo", number);
    if (!mount) mount = mount_of_device(of_process(pid, "mountinfo"), number); // in a container
    if (device.major == 0) {
        if (!mount) return {};
        return mount->source + " (" + number + "), " + mount->type + " on " + mount->place;
    }
    auto name = device.name.empty() ? block_device_name(number) : device.name;
    auto text = name.empty() ? number : name + " (" + number + ")";
    if (const auto& type = mount ? mount->type : device.file_system; !type.empty()) text += ", " + type;
    return mount ? text + " on " + mount->place : text;
}

} // namespace nezuban
