#include "io/process_state.hpp"

#include "io/fd.hpp"

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
    constexpr int start_field = 22;
    ProcessState result;
    for (int field = state_field; field <= start_field; ++field) {
        const auto begin = stat.find_first_not_of(' ');
        if (begin == std::string_view::npos) return std::nullopt;
        stat.remove_prefix(begin);
        const auto word = stat.substr(0, stat.find(' '));
        if (field == state_field) result.letter = word.front();
        if (field == start_field) {
            if (std::from_chars(word.begin(), word.end(), result.started).ec != std::errc()) return std::nullopt;
        }
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

} // namespace nezuban
