#include "io/threads.hpp"

#include "io/files.hpp"

#include <charconv>
#include <filesystem>
#include <string>
#include <string_view>

#include <sys/stat.h>
#include <system_error>

namespace nezuban {

namespace {

constexpr std::size_t status_limit = 65536;
constexpr std::size_t most_threads = 100'000;

// What stands behind the key, to the end of its line.
std::string_view value_of(std::string_view text, std::string_view key) {
    const auto at = text.find(key);
    if (at == std::string_view::npos) return {};
    const auto rest = text.substr(at + key.size());
    return rest.substr(0, rest.find('\n'));
}

std::uint32_t number_in(std::string_view text) {
    const auto at = text.find_first_of("0123456789");
    std::uint32_t number = 0;
    if (at != std::string_view::npos) std::from_chars(text.data() + at, text.data() + text.size(), number);
    return number;
}

bool alive(std::string_view status) {
    const auto state = value_of(status, "\nState:\t");
    return !state.empty() && state.front() != 'Z' && state.front() != 'X';
}

} // namespace

std::optional<std::uint32_t> process_of(std::uint32_t tid) {
    const auto status = read_file("/proc/" + std::to_string(tid) + "/status", status_limit);
    if (!status || !alive(*status)) return std::nullopt;
    const auto pid = number_in(value_of(*status, "\nTgid:"));
    return pid != 0 ? std::optional(pid) : std::nullopt;
}

std::vector<std::pair<std::uint32_t, std::uint32_t>> threads_of(std::uint32_t pid) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> threads;
    std::error_code error;
    const std::filesystem::directory_iterator end;
    for (std::filesystem::directory_iterator entry("/proc/" + std::to_string(pid) + "/task", error);
         !error && entry != end && threads.size() < most_threads; entry.increment(error)) {
        const auto status = read_file(entry->path().string() + "/status", status_limit);
        if (!status || !alive(*status)) continue;
        // One number for each namespace, from that of /proc to its own.
        const auto numbers = value_of(*status, "\nNSpid:");
        const auto inner = numbers.find_last_of(" \t");
        if (inner == std::string_view::npos) continue;
        threads.emplace_back(number_in(numbers.substr(inner)), number_in(entry->path().filename().string()));
    }
    return threads;
}

std::uint64_t own_pid_namespace() {
    struct stat info{};
    return ::stat("/proc/self/ns/pid", &info) == 0 ? info.st_ino : 0;
}

} // namespace nezuban
