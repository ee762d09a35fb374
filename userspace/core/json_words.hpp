// JSON that can be shown to people.
#pragma once

#include <string>

namespace nezuban {

// The same value: what a terminal would obey (see printable in words.hpp) is written as \uXXXX. JSON escapes the
// control characters of ASCII by itself, but not DEL, those beyond ASCII (U+009B begins a sequence as ESC [ does) and
// changes of direction.
[[nodiscard]] std::string harmless_json(const std::string& json);

} // namespace nezuban
