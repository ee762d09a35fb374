#include "core/interpreter.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace nezuban {

namespace {

struct Interpreter {
    std::string_view name;
    std::string_view text;  // options after which no script follows
    std::string_view value; // options whose value is the next argument
};

constexpr std::array<Interpreter, 15> interpreters{{
    {"sh", "c", "oO"},
    {"bash", "c", "oO"},
    {"dash", "c", "o"},
    {"ash", "c", "o"},
    {"zsh", "c", "o"},
    {"ksh", "c", "o"},
    {"mksh", "c", "o"},
    {"python", "cm", "WX"},
    {"pypy", "cm", "WX"},
    {"perl", "eE", ""},
    {"ruby", "e", ""},
    {"lua", "e", "l"},
    {"php", "r", "dc"},
    {"node", "ep", "r"},
    {"tclsh", "", ""},
}};

// "python3.11" is python.
const Interpreter* interpreter(std::string_view program) {
    auto name = program.substr(program.rfind('/') + 1); // npos + 1 is 0
    name = name.substr(0, name.find_last_not_of("0123456789.-") + 1);
    const auto* found = std::ranges::find(interpreters, name, &Interpreter::name);
    return found == interpreters.end() ? nullptr : found;
}

} // namespace

std::optional<std::size_t> script_in(std::span<const std::string> argv) {
    const auto* known = argv.empty() ? nullptr : interpreter(argv.front());
    if (known == nullptr) return std::nullopt;
    bool options = true;
    for (std::size_t i = 1; i < argv.size(); ++i) {
        const std::string_view argument = argv[i];
        const bool option = options && argument.size() > 1 && (argument.front() == '-' || argument.front() == '+');
        if (!option) return argument.starts_with('/') ? std::optional(i) : std::nullopt;
        options = argument != "--";
        if (argument.starts_with("--")) continue;
        const auto letters = argument.substr(1);
        if (letters.find_first_of(known->text) != std::string_view::npos) return std::nullopt;
        if (known->value.find(letters.back()) != std::string_view::npos) ++i;
    }
    return std::nullopt;
}

} // namespace nezuban
