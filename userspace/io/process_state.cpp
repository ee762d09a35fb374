#include "io/process_state.hpp"

#include "io/clock.hpp"
#include "io/fd.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <string>

#include <fcntl.h>
#include <unistd.h>

namespace nezuban {

std::optional<ProcessState> process_state_in(std::string_view stat) {
    // The name may hold anything, also brackets and blanks: what counts comes behind its last bracket.
    const auto name_end = stat.rfind(')');
    if (name_end == std::string_view::npos) return std::nullopt;
    stat.remove_prefix(name_end + 1);
    constexpr int state_field = 3;
    constexpr int flags_field = 9;
    constexpr int start_field = 22;
    constexpr std::uint64_t kernel_thread = 0x200000; // PF_KTHREAD
    ProcessState result;
    for (int field = state_field; field <= start_field; ++field) {
        const auto begin = stat.find_first_not_of(' ');
        if (begin == std::string_view::npos) return std::nullopt;
        stat.remove_prefix(begin);
        const auto word = stat.substr(0, stat.find(' '));
        if (field == state_field) result.letter = word.front();
        if (field != flags_field && field != start_field) {
            stat.remove_prefix(word.size());
            continue;
        }
        std::uint64_t number = 0;
        if (std::from_chars(word.begin(), word.end(), number).ec != std::errc()) return std::nullopt;
        if (field == flags_field) result.kernel_thread = (number & kernel_thread) != 0;
        if (field == start_field) result.started = number;
        stat.remove_prefix(word.size());
    }
    return result;
}

std::optional<ProcessState> read_process_state(std::uint32_t pid) {
    const auto path = "/proc/" + std::to_string(pid) + "/stat";
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return std::nullopt;
    std::array<char, 1024> text{};
    const auto size = ::read(fd.get(), text.data(), text.size());
    if (size <= 0) return std::nullopt;
    return process_state_in({text.data(), static_cast<std::size_t>(size)});
}

Duration own_age() {
    const auto self = read_process_state(static_cast<std::uint32_t>(::getpid()));
    const auto ticks = ::sysconf(_SC_CLK_TCK);
    if (!self || ticks <= 0) return {};
    constexpr std::int64_t second = 1'000'000'000;
    const Duration born{static_cast<std::int64_t>(self->started) * (second / ticks)};
    return std::max(since_boot() - born, Duration::zero());
}

} // namespace nezuban
