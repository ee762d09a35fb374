#include "config/field.hpp"

#include "config/units.hpp"
#include "core/words.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>

#include <fmt/format.h>

namespace nezuban {

namespace {

constexpr std::size_t longest_text = 4096; // PATH_MAX; no argument that somebody typed is longer
constexpr std::size_t longest_array = 1000;
constexpr std::size_t longest_name = 128;

// `write ["a", "b"]`, for somebody who wrote the line "a b".
std::string as_array(std::string_view line) {
    constexpr std::size_t longest_example = 120;
    if (line.size() > longest_example) return "write an array of strings";
    std::string result;
    while (!line.empty()) {
        const auto word = line.substr(0, line.find(' '));
        if (!word.empty()) result += fmt::format("{}{}", result.empty() ? "" : ", ", quoted(word));
        line.remove_prefix(std::min(line.size(), word.size() + 1));
    }
    return fmt::format("write [{}]", result);
}

} // namespace

std::string text_problem(std::string_view text) {
    if (text.find('\0') != std::string_view::npos) return fmt::format("{} contains a NUL character", quoted(text));
    if (text.size() > longest_text) return fmt::format("{} is longer than {} bytes", quoted(text), longest_text);
    return {};
}

std::string name_problem(std::string_view name) {
    if (name.empty()) return "the name is empty";
    if (name.size() > longest_name) {
        return fmt::format("the name {} is longer than {} bytes", quoted(name), longest_name);
    }
    const bool plain = std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
               || std::string_view("._@:-").find(c) != std::string_view::npos;
    });
    return plain ? std::string{} : fmt::format("the name {} contains characters that names may not have", quoted(name));
}

bool Field::error_at(Position where, std::string text, std::string hint) const {
    complaints_.error({.file = file_, .line = where.line, .column = where.column}, fmt::format("{}: {}", path_, text),
                      std::move(hint));
    return false;
}

bool Field::error(std::string text, std::string hint) const {
    return error_at(value_.where, std::move(text), std::move(hint));
}

void Field::warning(std::string text, std::string hint) const {
    complaints_.warning({.file = file_, .line = value_.where.line, .column = value_.where.column},
                        fmt::format("{}: {}", path_, text), std::move(hint));
}

bool Field::wrong_kind(const Value& value, std::string_view expected, std::string hint) const {
    return error_at(value.where, fmt::format("expected {}, found {}", expected, kind_of(value)), std::move(hint));
}

const std::string* Field::string(std::string_view expected, std::string_view example) const {
    const auto* text = std::get_if<std::string>(&value_.data);
    if (text == nullptr) {
        const auto* number = std::get_if<std::int64_t>(&value_.data);
        const bool seconds = number != nullptr && *number >= 0 && expected == "a duration";
        wrong_kind(value_, expected,
                   seconds ? fmt::format("write \"{}s\"", *number) : fmt::format("write {}", example));
        return nullptr;
    }
    if (auto problem = text_problem(*text); !problem.empty()) {
        error(std::move(problem));
        return nullptr;
    }
    return text;
}

bool Field::flag(bool& out) const {
    const auto* flag = std::get_if<bool>(&value_.data);
    if (flag == nullptr) return wrong_kind(value_, "a boolean", "write true or false, without quotes");
    out = *flag;
    return true;
}

bool Field::text(std::string& out, std::string_view example) const {
    const auto* text = string("a string", example);
    if (text == nullptr) return false;
    if (text->empty()) return error("is empty", "leave the key out instead");
    out = *text;
    return true;
}

bool Field::absolute_path(std::string& out, std::size_t longest) const {
    const auto* path = string("a path", "it in quotes");
    if (path == nullptr) return false;
    if (!path->starts_with('/'))
        return error(fmt::format("{} is not an absolute path", quoted(*path)), "begin it with /");
    if (path->size() > longest) return error(fmt::format("{} is longer than {} bytes", quoted(*path), longest));
    out = *path;
    return true;
}

bool Field::number(std::uint32_t& out, std::uint32_t least, std::uint32_t most) const {
    const auto* number = std::get_if<std::int64_t>(&value_.data);
    const auto range = fmt::format("a whole number from {} to {}", least, most);
    if (number == nullptr) {
        return wrong_kind(value_, range,
                          std::holds_alternative<std::string>(value_.data) ? "write it without quotes" : "");
    }
    if (*number < 0) return error(fmt::format("{} is negative", *number), range);
    if (*number < least) return error(fmt::format("{} is too small", *number), range);
    if (*number > most) return error(fmt::format("{} is too large", *number), range);
    out = static_cast<std::uint32_t>(*number);
    return true;
}

bool Field::duration(Duration& out, Duration least, Duration most) const {
    const auto* text = string("a duration", R"("10s", "500ms" or "1h30m")");
    if (text == nullptr) return false;
    const auto duration = read_duration(*text);
    if (!duration) return error(duration.error().text, duration.error().hint);
    if (*duration < least) {
        return error(fmt::format("{} is too short", quoted(*text)),
                     fmt::format("at least \"{}\"", write_duration(least)));
    }
    if (*duration > most) {
        return error(fmt::format("{} is too long", quoted(*text)), fmt::format("at most \"{}\"", write_duration(most)));
    }
    out = *duration;
    return true;
}

bool Field::duration_or_off(std::optional<Duration>& out) const {
    const auto* flag = std::get_if<bool>(&value_.data);
    const auto* text = std::get_if<std::string>(&value_.data);
    if ((flag != nullptr && !*flag) || (text != nullptr && *text == "off")) {
        out.reset();
        return true;
    }
    Duration found{};
    if (!duration(found, 1ms)) return false;
    out = found;
    return true;
}

bool Field::size(std::uint64_t& out, std::uint64_t least, std::uint64_t most) const {
    std::expected<std::uint64_t, Misread> size{0};
    if (const auto* number = std::get_if<std::int64_t>(&value_.data)) {
        if (*number < 0) return error(fmt::format("{} is negative", *number), R"(write "4MiB")");
        size = static_cast<std::uint64_t>(*number);
    } else {
        const auto* text = string("a size", R"("4MiB" or a number of bytes)");
        if (text == nullptr) return false;
        size = read_size(*text);
    }
    if (!size) return error(size.error().text, size.error().hint);
    if (*size < least || *size > most) {
        return error(fmt::format("{} bytes is too {}", *size, *size < least ? "small" : "large"),
                     fmt::format("from {} to {} bytes", least, most));
    }
    out = *size;
    return true;
}

bool Field::signal(int& out) const {
    std::string text;
    if (const auto* number = std::get_if<std::int64_t>(&value_.data)) {
        text = std::to_string(*number);
    } else {
        const auto* name = string("a signal", R"("TERM" or 15)");
        if (name == nullptr) return false;
        text = *name;
    }
    const auto number = read_signal(text);
    if (!number) return error(number.error().text, number.error().hint);
    out = *number;
    return true;
}

std::optional<std::size_t> Field::index_of_choice(std::span<const std::string_view> words) const {
    const auto* text = string("a string", fmt::format("one of {}, in quotes", listed(words)));
    if (text == nullptr) return std::nullopt;
    if (const auto found = std::ranges::find(words, *text); found != words.end()) {
        return static_cast<std::size_t>(found - words.begin());
    }
    auto hint = did_you_mean(*text, words);
    if (hint.empty()) hint = fmt::format("one of {}", listed(words));
    error(fmt::format("{} is not known", quoted(*text)), std::move(hint));
    return std::nullopt;
}

bool Field::strings(std::vector<std::string>& out) const {
    const auto* items = std::get_if<Array>(&value_.data);
    if (items == nullptr) {
        const auto* line = std::get_if<std::string>(&value_.data);
        return wrong_kind(value_, "an array of strings", line == nullptr ? R"(write ["...", "..."])" : as_array(*line));
    }
    if (items->empty()) return error("the array is empty", "leave the key out instead");
    if (items->size() > longest_array) {
        return error(fmt::format("the array has {} items", items->size()), fmt::format("at most {}", longest_array));
    }
    std::vector<std::string> found;
    for (const auto& item : *items) {
        const auto* text = std::get_if<std::string>(&item.data);
        if (text == nullptr) {
            wrong_kind(item, "a string", "write it in quotes");
        } else if (auto problem = text_problem(*text); !problem.empty()) {
            error_at(item.where, std::move(problem), {});
        } else {
            found.push_back(*text);
        }
    }
    if (found.size() != items->size()) return false;
    out = std::move(found);
    return true;
}

bool Field::command(Argv& out) const {
    Argv found;
    if (!strings(found)) return false;
    const auto& program = found.front();
    const auto where = std::get<Array>(value_.data).front().where;
    const std::string how = "an absolute path, or a name to be found in PATH";
    if (program.empty()) return error_at(where, "the program's name is empty", how);
    if (!program.starts_with('/') && program.find('/') != std::string::npos) {
        return error_at(where, fmt::format("{} is a relative path", quoted(program)), how);
    }
    if (!program.starts_with('/') && program.find(' ') != std::string::npos) {
        return error_at(where, fmt::format("there is no program called {}", quoted(program)), as_array(program));
    }
    out = std::move(found);
    return true;
}

bool Field::name(std::string& out) const {
    const auto* text = string("a string", "it in quotes");
    if (text == nullptr) return false;
    if (auto problem = name_problem(*text); !problem.empty()) {
        return error(std::move(problem), "letters, digits and . _ @ : -");
    }
    out = *text;
    return true;
}

bool Field::names(std::vector<std::string>& out) const {
    out.clear(); // names that stand in the array as they are, or none: their places are told by their index
    if (!strings(out)) return false;
    const auto& found = out;
    bool good = true;
    for (auto item = found.begin(); item != found.end(); ++item) {
        if (std::find(found.begin(), item, *item) == item) continue;
        const auto& where = std::get<Array>(value_.data)[static_cast<std::size_t>(item - found.begin())].where;
        good = error_at(where, fmt::format("{} is named twice", quoted(*item)), {});
    }
    return good;
}

bool Field::user(std::optional<Principal>& out) const {
    return principal(out, "user", sources_.user);
}

bool Field::group(std::optional<Principal>& out) const {
    return principal(out, "group", sources_.group);
}

// Names come first, as everywhere: somebody may be called "1000".
bool Field::principal(std::optional<Principal>& out, std::string_view kind, const Resolver& resolve) const {
    constexpr std::int64_t largest = 0xFFFF'FFFE; // the one above means "nobody" to the kernel
    const auto of_number = [&](std::int64_t id, std::string text) {
        if (id < 0 || id > largest) {
            return error(fmt::format("{} is not the id of a {}", id, kind), fmt::format("from 0 to {}", largest));
        }
        out = Principal{.text = std::move(text), .id = static_cast<std::uint32_t>(id)};
        return true;
    };
    if (const auto* number = std::get_if<std::int64_t>(&value_.data)) {
        return of_number(*number, std::to_string(*number));
    }
    const auto* text = string(fmt::format("the name or id of a {}", kind), "it in quotes");
    if (text == nullptr) return false;
    if (text->empty()) return error("is empty", "leave the key out instead");
    if (const auto id = resolve(*text)) {
        out = Principal{.text = *text, .id = *id};
        return true;
    }
    std::int64_t number = 0;
    const auto [end, failure] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (failure == std::errc{} && end == text->data() + text->size()) return of_number(number, *text);
    return error(fmt::format("there is no {} called {}", kind, quoted(*text)),
                 fmt::format("\"getent {}\" lists those of this machine", kind == "user" ? "passwd" : "group"));
}

} // namespace nezuban
