#include "io/surroundings.hpp"

#include "io/fd.hpp"
#include "io/procfs.hpp"
#include "io/socket_tables.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <sstream>
#include <string_view>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace nezuban {

namespace {

constexpr std::size_t most_children = 100;
constexpr std::size_t most_threads_asked = 64; // for their children
constexpr std::size_t most_sockets = 64;

// Line by line, as long as they are wanted: /proc/net/tcp may have a hundred thousand.
template <typename Want> void each_line(const std::string& path, const Want& wanted) {
    const std::unique_ptr<std::FILE, decltype([](std::FILE* file) { std::fclose(file); })> file(
        std::fopen(path.c_str(), "re"));
    if (!file) return;
    std::array<char, 1024> line{};
    while (std::fgets(line.data(), line.size(), file.get()) != nullptr) {
        if (!wanted(std::string(line.data()))) return;
    }
}

template <typename Take> void each_entry(const std::string& path, const Take& take) {
    const std::unique_ptr<DIR, decltype([](DIR* directory) { ::closedir(directory); })> directory(
        ::opendir(path.c_str()));
    if (!directory) return;
    while (const auto* entry = ::readdir(directory.get())) { // NOLINT(concurrency-mt-unsafe): ours alone
        if (entry->d_name[0] != '.' && !take(std::string(entry->d_name))) return;
    }
}

std::uint32_t number_in(std::string_view text) {
    std::uint32_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

Relative relative(std::uint32_t pid) {
    const auto status = pid == 0 ? std::nullopt : process_status(pid);
    return status ? Relative{.pid = pid, .comm = status->comm} : Relative{};
}

std::vector<Relative> children_of(std::uint32_t pid) {
    std::vector<Relative> children;
    std::size_t asked = 0;
    const auto tasks = fmt::format("/proc/{}/task", pid);
    each_entry(tasks, [&](const std::string& tid) {
        std::string all;
        each_line(tasks + "/" + tid + "/children", [&](const std::string& line) {
            all += line; // one line, however long
            return all.size() < most_children * 11;
        });
        std::istringstream in(all);
        for (std::uint32_t child = 0; children.size() < most_children && in >> child;) {
            if (auto known = relative(child); known.pid != 0) children.push_back(std::move(known));
        }
        return ++asked < most_threads_asked && children.size() < most_children;
    });
    return children;
}

std::string shown(const InetAddress& address) {
    return address.any() ? fmt::format(":{}", address.port) : address.text();
}

using ByInode = std::map<std::uint64_t, std::string>;

// Listening ones come first in these tables: the rest needn't be read.
void add_tcp(std::uint32_t pid, const char* table, ByInode& found) {
    bool head = true;
    each_line(fmt::format("/proc/{}/net/{}", pid, table), [&](const std::string& line) {
        if (std::exchange(head, false)) return true;
        const auto socket = parse_inet_socket(line);
        if (!socket || !socket->listening()) return false;
        found.emplace(socket->inode, shown(socket->local));
        return true;
    });
}

void add_unix(std::uint32_t pid, ByInode& found) {
    each_line(fmt::format("/proc/{}/net/unix", pid), [&](const std::string& line) {
        const auto socket = parse_unix_socket(line);
        if (socket && socket->listening)
            found.emplace(socket->inode, socket->path.empty() ? "a nameless Unix socket" : socket->path);
        return true;
    });
}

std::vector<ListeningSocket> listening_of(std::uint32_t pid) {
    ByInode by_inode;
    add_tcp(pid, "tcp", by_inode);
    add_tcp(pid, "tcp6", by_inode);
    add_unix(pid, by_inode);
    std::vector<ListeningSocket> found;
    if (by_inode.empty()) return found;
    const auto descriptors = fmt::format("/proc/{}/fd", pid);
    each_entry(descriptors, [&](const std::string& fd) {
        constexpr std::string_view prefix = "socket:[";
        std::array<char, 64> target{};
        const auto size = ::readlink((descriptors + "/" + fd).c_str(), target.data(), target.size());
        const std::string_view text(target.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
        if (!text.starts_with(prefix)) return true;
        std::uint64_t inode = 0;
        std::from_chars(text.data() + prefix.size(), text.data() + text.size(), inode);
        if (const auto known = by_inode.find(inode); known != by_inode.end())
            found.push_back({.fd = number_in(fd), .local = known->second});
        return found.size() < most_sockets;
    });
    std::ranges::sort(found, {}, &ListeningSocket::fd);
    return found;
}

} // namespace

std::optional<ProcessStatus> parse_process_status(std::string_view text) {
    constexpr std::uint32_t kthreadd = 2;
    ProcessStatus status;
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        const auto colon = line.find(":\t");
        if (colon == std::string_view::npos) continue;
        const auto key = line.substr(0, colon);
        const auto value = line.substr(colon + 2);
        if (key == "Name") status.comm = value;
        if (key == "Tgid") status.pid = number_in(value);
        if (key == "PPid") status.ppid = number_in(value);
        const auto effective = value.find('\t') + 1; // "real\teffective\tsaved\tfs"
        if (key == "Uid") status.uid = number_in(value.substr(effective));
        if (key == "Gid") status.gid = number_in(value.substr(effective));
    }
    if (status.pid == 0) return std::nullopt;
    // Only 6.11 and later say it directly.
    status.kernel_thread = status.pid == kthreadd || status.ppid == kthreadd;
    return status;
}

std::optional<ProcessStatus> process_status(std::uint32_t tid) {
    std::string text;
    each_line(fmt::format("/proc/{}/status", tid), [&](const std::string& line) {
        text += line;
        return !line.starts_with("Gid:"); // its groups, behind that, may be thousands
    });
    return parse_process_status(text);
}

Surroundings read_surroundings(std::uint32_t pid) {
    Surroundings around{.pid = pid};
    const auto status = process_status(pid);
    if (!status) return around;
    around.comm = status->comm;
    around.parent = relative(status->ppid);
    around.children = children_of(pid);
    around.listening = listening_of(pid);
    around.args = read_args(pid).value_or("");
    std::ranges::replace(around.args, '\0', ' ');
    if (around.args.ends_with(' ')) around.args.pop_back();
    return around;
}

} // namespace nezuban
