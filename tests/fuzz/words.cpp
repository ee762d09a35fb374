// Bytes that people get to see, and text that people write: whatever they are, nothing gets through that a terminal
// would obey, nothing is lost on the way through a record, and what is understood is written so that it is understood
// the same.
#include "core/words.hpp"

#include "config/units.hpp"
#include "core/date.hpp"
#include "core/utf8.hpp"
#include "properties.hpp"
#include "replay/bytes.hpp"
#include "replay/record.hpp"
#include "rules/matcher.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace {

using namespace nezuban;
using fuzz::require;

void try_to_show(std::string_view text) {
    const auto shown = printable(text);
    require(fuzz::can_be_shown(shown) && printable(shown) == shown && shown.size() <= 4 * text.size());
    const auto kept = harmless(text, '?');
    require(fuzz::can_be_shown(kept) && harmless(kept, '?') == kept && kept.size() <= text.size());
    require(fuzz::can_be_shown(text) == (shown == text));
    require(fuzz::can_be_shown(quoted(text)) && quoted(text).size() <= 4 * 60 + 5);
    const bool good = fuzz::is_utf8(text);
    for (const auto most : {0UL, 1UL, 2UL, 3UL, 15UL, 40UL}) {
        const auto part = beginning(text, most);
        require(part.size() <= most && text.starts_with(part));
        if (!good) continue;
        require(fuzz::is_utf8(part) && (part.size() == text.size() || part.size() + 3 >= most));
    }
}

void try_utf8(std::string_view text) {
    bool good = true;
    for (auto rest = text; good && !rest.empty();) {
        const auto point = first_character(rest);
        good = point.has_value();
        if (good) rest.remove_prefix(point->size);
    }
    require(good == fuzz::is_utf8(text));
    const auto encoded = bytes_to_utf8(text);
    require(fuzz::is_utf8(encoded) && utf8_to_bytes(encoded) == text);
}

void try_to_guess(std::string_view word) {
    constexpr std::array<std::string_view, 4> words{"match", "count", "restart", "requires"};
    const auto found = nearest(word, words);
    require(found.empty() || std::ranges::find(words, found) != words.end());
    require(std::ranges::find(words, word) == words.end() || found == word);
    require(did_you_mean(word, words).empty() == found.empty());
}

// As /proc/PID/cmdline has it: a rule that demands any of these arguments means this process, and a record keeps them.
void try_arguments(const std::string& args) {
    Process process{.comm = args.substr(0, 15), .args = std::make_shared<const std::string>(args)};
    MatchSpec match{.comm = process.comm};
    std::string_view rest(args);
    while (!rest.empty()) {
        const auto argument = rest.substr(0, rest.find('\0'));
        rest.remove_prefix(std::min(rest.size(), argument.size() + 1));
        match.args.emplace_back(argument);
    }
    require(Matcher(match).matches(process));

    const auto line = to_line(Execed{.process = process}, Time{}, Time{});
    require(line.ends_with('\n') && fuzz::is_utf8(line) && std::ranges::count(line, '\n') == 1);
    const auto event = parse_line(line);
    require(event.has_value());
    const auto& read = std::get<Execed>(event->event).process;
    require(read.args && *read.args == args && read.comm == process.comm);
}

void try_to_understand(std::string_view text) {
    const auto now = WallTime(Duration(1'772'366'400'000'000'000));
    if (const auto time = parse_time(text, now))
        require(parse_time(format_time(*time), now) == *time);
    else
        require(fuzz::is_sentence(time.error().text));
    if (const auto duration = read_duration(text)) {
        require(*duration >= Duration::zero() && *duration <= 10 * 366 * 24h);
        require(read_duration(write_duration(*duration)) == *duration);
    }
    if (const auto number = read_signal(text)) require(*number > 0 && *number <= 64);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    try_to_show(text);
    try_utf8(text);
    try_to_guess(text);
    try_arguments(text);
    try_to_understand(text);
    return 0;
}
