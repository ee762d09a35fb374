#include "control/wording.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace nezuban::control {

std::string rfc3339(WallTime time) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:09}Z", fmt::gmtime(seconds.time_since_epoch().count()),
                       (time - seconds).count());
}

std::string brief(Duration duration) {
    struct Unit {
        std::string_view name;
        std::int64_t seconds;
    };
    constexpr std::array<Unit, 4> units{{{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}}};

    const auto total = std::chrono::duration_cast<std::chrono::milliseconds>(std::max(duration, Duration::zero()));
    if (total < std::chrono::seconds{1}) return fmt::format("{}ms", total.count());
    const auto seconds = total.count() / 1000;
    for (std::size_t i = 0; i < units.size(); ++i) {
        if (seconds < units[i].seconds) continue;
        auto text = fmt::format("{}{}", seconds / units[i].seconds, units[i].name);
        const auto rest = seconds % units[i].seconds;
        if (i + 1 < units.size() && rest / units[i + 1].seconds > 0)
            text += fmt::format(" {}{}", rest / units[i + 1].seconds, units[i + 1].name);
        return text;
    }
    return {};
}

std::string printable(std::string_view text) {
    std::string result{text};
    std::ranges::replace_if(result, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
    return result;
}

} // namespace nezuban::control
