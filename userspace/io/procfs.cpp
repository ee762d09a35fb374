#include "io/procfs.hpp"

#include "io/fd.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace nezuban {

namespace {

constexpr std::size_t args_limit = 4096;
constexpr std::size_t name_limit = 63; // the kernel's own
constexpr std::size_t cgroup_limit = 65536;
constexpr std::string_view deleted = " (deleted)";

std::array<char, 48> path_of(std::uint32_t pid, const char* name) {
    std::array<char, 48> path{};
    std::snprintf(path.data(), path.size(), "/proc/%u/%s", pid, name);
    return path;
}

std::optional<std::string> read(std::uint32_t pid, const char* name, std::size_t limit) {
    Fd fd(::open(path_of(pid, name).data(), O_RDONLY | O_CLOEXEC));
    if (!fd) return std::nullopt;
    std::string text;
    std::array<char, 4096> piece{};
    while (text.size() < limit) {
        auto size = ::read(fd.get(), piece.data(), std::min(piece.size(), limit - text.size()));
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return std::nullopt;
        if (size == 0) break;
        text.append(piece.data(), static_cast<std::size_t>(size));
    }
    return text;
}

} // namespace

std::optional<std::string> read_args(std::uint32_t pid) {
    return read(pid, "cmdline", args_limit);
}

std::optional<std::string> read_name(std::uint32_t pid) {
    auto name = read(pid, "comm", name_limit + 1);
    if (name && name->ends_with('\n')) name->pop_back();
    return name;
}

std::optional<std::string> read_exe(std::uint32_t pid) {
    std::array<char, 4096> target{};
    auto size = ::readlink(path_of(pid, "exe").data(), target.data(), target.size());
    if (size <= 0) return std::nullopt;
    std::string path(target.data(), static_cast<std::size_t>(size));
    if (path.ends_with(deleted)) path.resize(path.size() - deleted.size());
    return path;
}

std::optional<std::string> read_cgroups(std::uint32_t pid) {
    auto text = read(pid, "cgroup", cgroup_limit);
    if (!text) return std::nullopt;
    return cgroup_paths(*text);
}

std::string cgroup_paths(const std::string& text) {
    std::vector<std::string_view> paths;
    std::string_view rest(text);
    while (!rest.empty()) {
        auto line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        // "4:memory:/path": the controllers never contain a colon, but a named hierarchy's path may.
        auto first = line.find(':');
        auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
        if (second == std::string_view::npos) continue;
        auto path = line.substr(second + 1);
        if (path.ends_with(deleted)) path.remove_suffix(deleted.size());
        if (std::ranges::find(paths, path) == paths.end()) paths.push_back(path);
    }
    if (paths.size() > 1) std::erase(paths, "/");
    std::string joined;
    for (auto path : paths) {
        if (!joined.empty()) joined += '\n';
        joined += path;
    }
    return joined;
}

} // namespace nezuban
