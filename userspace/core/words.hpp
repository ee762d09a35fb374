// Words as people mistype them, and as they can be shown to people.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace nezuban {

// The candidate that was probably meant; empty when none is near enough. The first of equally near ones wins.
[[nodiscard]] std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

// `did you mean "..."?`, or nothing.
[[nodiscard]] std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

// " (text)", or nothing for nothing: how a hint is hung on to an error.
[[nodiscard]] std::string in_brackets(const std::string& text);

// "1 rule", "2 rules".
[[nodiscard]] std::string counted(std::size_t count, std::string_view noun);

// What a terminal would obey, or can't show, as \xNN: control characters of both sets, changes of direction, and what
// is no UTF-8. No file and no process can move the cursor of whoever reads of it.
[[nodiscard]] std::string printable(std::string_view text);

// The same with one character in place of each of those: for text that is kept, and must not grow.
[[nodiscard]] std::string harmless(std::string_view text, char instead);

// At most so many bytes of it, and no half character at the end.
[[nodiscard]] std::string_view beginning(std::string_view text, std::size_t most);

// In quotes, printable, and cut at about 60 bytes.
[[nodiscard]] std::string quoted(std::string_view text);

// "a, b, c"
[[nodiscard]] std::string listed(std::span<const std::string_view> words);

} // namespace nezuban
