#include "config/units.hpp"

#include "core/signal_names.hpp"
#include "core/words.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace nezuban {

namespace {

using namespace std::chrono_literals;

struct Unit {
    std::string_view name;
    std::uint64_t amount;
};

constexpr std::array durations{Unit{"d", 86'400'000'000'000},
                               Unit{"h", 3'600'000'000'000},
                               Unit{"m", 60'000'000'000},
                               Unit{"s", 1'000'000'000},
                               Unit{"ms", 1'000'000},
                               Unit{"us", 1'000},
                               Unit{"ns", 1}};
constexpr std::array sizes{Unit{"", 1}, Unit{"KiB", 1ULL << 10U}, Unit{"MiB", 1ULL << 20U}, Unit{"GiB", 1ULL << 30U}};

constexpr std::uint64_t ten_years = 3653 * durations[0].amount;

// The kernel's numbers on every architecture that Debian builds BPF for.

bool is_digit(char character) {
    return character >= '0' && character <= '9';
}

std::string_view take_while(std::string_view& text, bool digits) {
    const auto* const end = std::ranges::find_if(text, [&](char c) { return is_digit(c) != digits; });
    const auto piece = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    text.remove_prefix(piece.size());
    return piece;
}

std::optional<std::uint64_t> number_in(std::string_view digits) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return number;
}

std::unexpected<Misread> misread(std::string text, std::string hint) {
    return std::unexpected(Misread{.text = std::move(text), .hint = std::move(hint)});
}

std::string signal_hint(std::string_view name) {
    return did_you_mean(name, plain_signals);
}

} // namespace

std::expected<Duration, Misread> read_duration(std::string_view text) {
    const auto shown = quoted(text);
    const std::string how = "write \"10s\", \"500ms\" or \"1h30m\"";
    if (text.empty()) return misread("the duration is empty", how);
    if (text.front() == '-') return misread(fmt::format("{} is negative", shown), how);
    if (text.find_first_of(".,") != std::string_view::npos) {
        return misread(fmt::format("{} has a fraction", shown), "use a smaller unit: \"1500ms\"");
    }
    std::uint64_t sum = 0;
    std::uint64_t smaller_than = durations[0].amount + 1;
    for (auto rest = text; !rest.empty();) {
        const auto digits = take_while(rest, true);
        const auto name = take_while(rest, false);
        if (digits.empty()) return misread(fmt::format("{} is not a duration", shown), how);
        if (name.empty()) {
            return misread(fmt::format("{} has no unit", shown),
                           digits.size() < 10 ? fmt::format("write \"{}s\"", text) : how);
        }
        const auto* const unit = std::ranges::find(durations, name, &Unit::name);
        if (unit == durations.end()) {
            return misread(fmt::format("{} has the unknown unit {}", shown, quoted(name)),
                           "units are ns, us, ms, s, m, h, d");
        }
        if (unit->amount >= smaller_than) {
            return misread(fmt::format("{} has its units out of order", shown), "write them descending: \"1h30m\"");
        }
        smaller_than = unit->amount;
        const auto number = number_in(digits);
        if (!number || *number > ten_years / unit->amount || sum + *number * unit->amount > ten_years) {
            return misread(fmt::format("{} is more than ten years", shown), how);
        }
        sum += *number * unit->amount;
    }
    return Duration{static_cast<Duration::rep>(sum)};
}

std::string write_duration(Duration duration) {
    if (duration <= 0s) return "0s";
    auto rest = static_cast<std::uint64_t>(duration.count());
    std::string result;
    for (const auto& unit : durations) {
        if (rest >= unit.amount) result += fmt::format("{}{}", rest / unit.amount, unit.name);
        rest %= unit.amount;
    }
    return result;
}

std::expected<std::uint64_t, Misread> read_size(std::string_view text) {
    const auto shown = quoted(text);
    const std::string how = "write \"4MiB\", \"64KiB\" or a number of bytes";
    auto rest = text;
    const auto digits = take_while(rest, true);
    if (digits.empty()) return misread(fmt::format("{} is not a size", shown), how);
    const auto* const unit = std::ranges::find(sizes, rest, &Unit::name);
    if (unit == sizes.end()) {
        return misread(fmt::format("{} has the unknown unit {}", shown, quoted(rest)), "units are KiB, MiB, GiB");
    }
    const auto number = number_in(digits);
    if (!number || *number > UINT64_MAX / unit->amount) return misread(fmt::format("{} is too large", shown), how);
    return *number * unit->amount;
}

std::expected<int, Misread> read_signal(std::string_view text) {
    auto name = text;
    if (name.starts_with("SIG")) name.remove_prefix(3);
    if (const auto* found = std::ranges::find(plain_signals, name); found != plain_signals.end()) {
        return static_cast<int>(found - plain_signals.begin()) + 1;
    }
    if (const auto number = number_in(text); number && *number >= 1 && *number <= last_signal) {
        return static_cast<int>(*number);
    }
    if (name == "RTMIN") return first_realtime_signal;
    if (name == "RTMAX") return last_signal;
    if (name.starts_with("RTMIN+") || name.starts_with("RTMAX-")) {
        const auto offset = number_in(name.substr(6));
        if (offset && *offset <= last_signal - first_realtime_signal) {
            const auto steps = static_cast<int>(*offset);
            return name[5] == '+' ? first_realtime_signal + steps : last_signal - steps;
        }
    }
    auto hint = signal_hint(name);
    if (hint.empty()) hint = "a name such as \"TERM\", or a number from 1 to 64";
    return misread(fmt::format("{} is not a signal", quoted(text)), std::move(hint));
}

} // namespace nezuban
