// One key of a file under the pen: reads its value as what the schema says, or complains at the right spot.
#pragma once

#include "config/complaints.hpp"
#include "config/document.hpp"
#include "config/load.hpp"
#include "core/spec.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nezuban {

class Field {
public:
    Field(std::string_view path, unsigned file, const Value& value, const Sources& sources, Complaints& complaints)
        : path_(path), file_(file), value_(value), sources_(sources), complaints_(complaints) {}

    // Each answers whether the value was good; otherwise it has complained and left out as it was.
    bool flag(bool& out) const;
    // Not empty, no NUL, at most 4096 bytes.
    bool text(std::string& out, std::string_view example = "it in quotes") const;
    bool absolute_path(std::string& out, std::size_t longest = 4095) const;
    bool number(std::uint32_t& out, std::uint32_t least, std::uint32_t most) const;
    bool duration(Duration& out, Duration least = Duration::zero(), Duration most = Duration::max()) const;
    bool duration_or_off(std::optional<Duration>& out) const; // false and "off" are the same
    bool size(std::uint64_t& out, std::uint64_t least, std::uint64_t most) const;
    bool signal(int& out) const;
    bool strings(std::vector<std::string>& out) const; // at least one
    bool command(Argv& out) const;
    bool name(std::string& out) const;
    bool names(std::vector<std::string>& out) const; // each once; refused, out is empty or has every item
    bool user(std::optional<Principal>& out) const;
    bool group(std::optional<Principal>& out) const;

    template <typename Choice> using Choices = std::span<const std::pair<std::string_view, Choice>>;
    template <typename Choice> bool choice(Choice& out, Choices<Choice> choices) const {
        std::vector<std::string_view> words;
        for (const auto& [word, meaning] : choices) {
            words.push_back(word);
        }
        const auto index = index_of_choice(words);
        if (index) out = choices[*index].second;
        return index.has_value();
    }

    bool error(std::string text, std::string hint = {}) const; // at the value; false, always
    void warning(std::string text, std::string hint = {}) const;

private:
    using Resolver = std::function<std::optional<std::uint32_t>(const std::string&)>;

    [[nodiscard]] const std::string* string(std::string_view expected, std::string_view example) const;
    [[nodiscard]] std::optional<std::size_t> index_of_choice(std::span<const std::string_view> words) const;
    bool principal(std::optional<Principal>& out, std::string_view kind, const Resolver& resolve) const;
    bool wrong_kind(const Value& value, std::string_view expected, std::string hint) const;
    bool error_at(Position where, std::string text, std::string hint) const;

    std::string_view path_;
    unsigned file_;
    const Value& value_;
    const Sources& sources_;
    Complaints& complaints_;
};

// Why any text at all is refused: NUL, or a length that nobody typed; empty when it is fine.
[[nodiscard]] std::string text_problem(std::string_view text);

// Why a name of a rule or group is refused; empty when it is fine.
[[nodiscard]] std::string name_problem(std::string_view name);

} // namespace nezuban
