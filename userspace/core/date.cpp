#include "core/date.hpp"

#include "core/words.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>

#include <fmt/format.h>

namespace nezuban {

using namespace std::chrono;

namespace {

constexpr std::uint64_t longest = 3650ULL * 24 * 3600; // ten years, in seconds: what is longer is a mistake

// Takes digits from the front: at least `least`, at most `most`.
std::optional<std::uint64_t> take_number(std::string_view& text, std::size_t least, std::size_t most) {
    std::size_t count = 0;
    while (count < text.size() && count < most && text[count] >= '0' && text[count] <= '9')
        ++count;
    if (count < least) return std::nullopt;
    std::uint64_t number = 0;
    for (char digit : text.substr(0, count))
        number = number * 10 + static_cast<std::uint64_t>(digit - '0');
    text.remove_prefix(count);
    return number;
}

bool take(std::string_view& text, std::string_view any_of) {
    if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
    text.remove_prefix(1);
    return true;
}

std::optional<WallTime> date_in(std::string_view& text) {
    auto year_number = take_number(text, 4, 4);
    if (!year_number || !take(text, "-")) return std::nullopt;
    auto month_number = take_number(text, 2, 2);
    if (!month_number || !take(text, "-")) return std::nullopt;
    auto day_number = take_number(text, 2, 2);
    if (!day_number) return std::nullopt;
    year_month_day date(year(static_cast<int>(*year_number)), month(static_cast<unsigned>(*month_number)),
                        day(static_cast<unsigned>(*day_number)));
    // Nanoseconds since 1970 end in 2262.
    if (!date.ok() || *year_number < 1970 || *year_number > 2261) return std::nullopt;
    return WallTime(sys_days(date));
}

std::optional<Duration> clock_in(std::string_view& text) {
    auto hour = take_number(text, 2, 2);
    if (!hour || *hour > 23 || !take(text, ":")) return std::nullopt;
    auto minute = take_number(text, 2, 2);
    if (!minute || *minute > 59) return std::nullopt;
    Duration time = hours(*hour) + minutes(*minute);
    if (!take(text, ":")) return time;
    auto second = take_number(text, 2, 2);
    if (!second || *second > 60) return std::nullopt; // 60: a leap second
    time += seconds(*second);
    if (!take(text, ".")) return time;
    auto digits = text.size();
    auto fraction = take_number(text, 1, 9);
    if (!fraction) return std::nullopt;
    digits -= text.size();
    for (; digits < 9; ++digits)
        *fraction *= 10;
    return time + nanoseconds(*fraction);
}

// What has to be taken away to get UTC.
std::optional<Duration> offset_in(std::string_view& text) {
    if (text.empty() || take(text, "Zz")) return Duration::zero();
    bool west = text.front() == '-';
    if (!take(text, "+-")) return std::nullopt;
    auto hour = take_number(text, 2, 2);
    if (!hour || *hour > 23) return std::nullopt;
    take(text, ":");
    auto minute = take_number(text, 2, 2);
    if (!minute || *minute > 59) return std::nullopt;
    Duration offset = hours(*hour) + minutes(*minute);
    return west ? -offset : offset;
}

std::optional<WallTime> rfc3339(std::string_view text) {
    auto date = date_in(text);
    if (!date) return std::nullopt;
    if (text.empty()) return date;
    if (!take(text, "Tt ")) return std::nullopt;
    auto time = clock_in(text);
    if (!time) return std::nullopt;
    auto offset = offset_in(text);
    if (!offset || !text.empty()) return std::nullopt;
    return *date + *time - *offset;
}

std::optional<Duration> how_long(std::string_view text) {
    if (text.ends_with(" ago")) text.remove_suffix(4);
    std::uint64_t total = 0;
    if (text.empty()) return std::nullopt;
    while (!text.empty()) {
        auto number = take_number(text, 1, 10);
        if (!number || text.empty()) return std::nullopt;
        constexpr std::string_view units = "smhdw";
        constexpr std::uint64_t lengths[] = {1, 60, 3600, 86400, 604800}; // NOLINT(modernize-avoid-c-arrays)
        auto unit = units.find(text.front());
        if (unit == std::string_view::npos) return std::nullopt;
        text.remove_prefix(1);
        total += *number * lengths[unit];
        if (total > longest) return std::nullopt;
    }
    return seconds(total);
}

} // namespace

std::string format_time(WallTime time) {
    auto today = floor<days>(time);
    year_month_day date(today);
    hh_mm_ss clock(time - today);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                       clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

Result<WallTime> parse_time(std::string_view text, WallTime now) {
    if (text == "now") return now;
    if (text == "today") return WallTime(floor<days>(now));
    if (text == "yesterday") return WallTime(floor<days>(now) - days(1));
    if (auto rest = text; take(rest, "@")) {
        auto since = take_number(rest, 1, 10);
        if (since && rest.empty() && *since < 9'000'000'000) return WallTime(seconds(*since));
    }
    if (auto ago = how_long(text)) return now - *ago;
    if (auto time = rfc3339(text)) return *time;
    return fail(fmt::format("{} is no time (hint: 10m, 2h30m, today, 2026-11-22, 2026-11-22T10:05:00Z)", quoted(text)),
                EINVAL);
}

} // namespace nezuban
