#include "control/wording.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include <fmt/format.h>

namespace nezuban::control {

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

} // namespace nezuban::control
