// A TOML file as values that know where they stand. Everything behind this border is ignorant of the parser.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace nezuban {

struct Position {
    unsigned line = 1;
    unsigned column = 1;

    friend constexpr auto operator<=>(const Position&, const Position&) = default;
};

struct Value;
struct Entry;
using Array = std::vector<Value>;
using Table = std::vector<Entry>; // in the order of the file; no key twice

struct Moment {}; // dates and times: nothing here takes one

struct Value {
    std::variant<std::string, std::int64_t, double, bool, Moment, Array, Table> data;
    Position where;
};

struct Entry {
    std::string key;
    Position where; // of the key itself, in "a.b = 1" of its own part
    Value value;
};

// "a string", "an integer": what was found instead.
[[nodiscard]] std::string_view kind_of(const Value& value);

struct SyntaxError {
    std::string text;
    Position where;
    std::string hint;
};

[[nodiscard]] std::expected<Table, SyntaxError> parse_document(std::string_view text);

} // namespace nezuban
