#include "core/json_words.hpp"

#include "core/utf8.hpp"
#include "core/words.hpp"

#include <string_view>

#include <fmt/format.h>

namespace nezuban {

std::string harmless_json(const std::string& json) {
    std::string result;
    result.reserve(json.size());
    for (std::string_view rest = json; !rest.empty();) {
        const auto point = first_character(rest);
        const auto character = rest.substr(0, point ? point->size : 1);
        // Control characters of ASCII stand between values only, as blanks.
        const bool plain = !point || point->code < 0x7F || harmless(character, '?') == character;
        if (plain)
            result += character;
        else
            result += fmt::format("\\u{:04x}", point->code);
        rest.remove_prefix(character.size());
    }
    return result;
}

} // namespace nezuban
