#include "io/surroundings.hpp"

#include "io/fd.hpp"
#include "io/procfs.hpp"

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

#include <arpa/inet.h>
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

// "0100007F:0019": the words of the address as this machine stores them.
std::string address(std::string_view hex) {
    const auto colon = hex.find(':');
    if (colon == std::string_view::npos) return {};
    std::array<std::uint32_t, 4> words{};
    std::size_t count = 0;
    for (std::size_t at = 0; at + 8 <= colon && count < words.size(); at += 8, ++count)
        std::from_chars(hex.data() + at, hex.data() + at + 8, words.at(count), 16);
    std::uint32_t port = 0;
    std::from_chars(hex.data() + colon + 1, hex.data() + hex.size(), port, 16);
    if (std::ranges::all_of(words, [](std::uint32_t word) { return word == 0; })) return fmt::format(":{}", port);
    std::array<char, INET6_ADDRSTRLEN> text{};
    const bool six = count == 4;
    ::inet_ntop(six ? AF_INET6 : AF_INET, words.data(), text.data(), text.size());
    return six ? fmt::format("[{}]:{}", text.data(), port) : fmt::format("{}:{}", text.data(), port);
}

using ByInode = std::map<std::uint64_t, std::string>;

// Listening ones come first in these tables: the rest needn't be read.
void add_tcp(std::uint32_t pid, const char* table, ByInode& found) {
    bool head = true;
    each_line(fmt::format("/proc/{}/net/{}", pid, table), [&](const std::string& line) {
        if (std::exchange(head, false)) return true;
        std::istringstream in(line);
        std::string slot, local, peer, state, queues, timer, retransmits, uid, timeout;
        std::uint64_t inode = 0;
        in >> slot >> local >> peer >> state >> queues >> timer >> retransmits >> uid >> timeout >> inode;
        if (state != "0A") return false;
        found.emplace(inode, address(local));
        return true;
    });
}

void add_unix(std::uint32_t pid, ByInode& found) {
    constexpr std::uint32_t listening = 0x10000; // SO_ACCEPTCON
    each_line(fmt::format("/proc/{}/net/unix", pid), [&](const std::string& line) {
        std::istringstream in(line);
        std::string slot, references, protocol, flags, type, state, path;
        std::uint64_t inode = 0;
        in >> slot >> references >> protocol >> flags >> type >> state >> inode >> path;
        std::uint32_t bits = 0;
        std::from_chars(flags.data(), flags.data() + flags.size(), bits, 16);
        if ((bits & listening) != 0) found.emplace(inode, path.empty() ? "a nameless Unix socket" : path);
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

std::optional<ProcessStatus> process_status(std::uint32_t tid) {
    constexpr std::uint32_t kthreadd = 2;
    ProcessStatus status;
    each_line(fmt::format("/proc/{}/status", tid), [&](const std::string& line) {
        const auto colon = line.find(":\t");
        if (colon == std::string::npos) return true;
        const auto key = line.substr(0, colon);
        const auto value = line.substr(colon + 2, line.find_last_not_of('\n') - colon - 1);
        if (key == "Name") status.comm = value;
        if (key == "Tgid") status.pid = number_in(value);
        if (key == "PPid") status.ppid = number_in(value);
        const auto effective = value.find('\t') + 1; // "real\teffective\tsaved\tfs"
        if (key == "Uid") status.uid = number_in(value.substr(effective));
        if (key == "Gid") status.gid = number_in(value.substr(effective));
        return key != "Gid" && key != "Groups";
    });
    if (status.pid == 0) return std::nullopt;
    // Only 6.11 and later say it directly.
    status.kernel_thread = status.pid == kthreadd || status.ppid == kthreadd;
    return status;
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
