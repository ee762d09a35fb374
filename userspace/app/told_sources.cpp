#include "app/told_sources.hpp"

#include "core/number.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace nezuban {

namespace {

using Answers = std::vector<std::optional<Alterable>>;
using Id = std::optional<std::uint32_t>;

// Of a question; the words are what an operator reads.
constexpr std::string_view reading = "reading";
constexpr std::string_view expanding = "looking for what matches";
constexpr std::string_view user = "asking for the user";
constexpr std::string_view group = "asking for the group";
constexpr std::string_view altering = "asking who could alter";

constexpr std::string_view yes = "yes";
constexpr std::string_view no = "no";

// Any bytes: how many there are stands before them.
std::string word(std::string_view text) {
    return fmt::format("{}:{}", text.size(), text);
}

class Words {
public:
    explicit Words(std::string_view text) : rest_(text) {}

    std::optional<std::string> next() {
        const auto colon = rest_.find(':');
        if (colon == std::string_view::npos) return std::nullopt;
        const auto size = number_in<std::size_t>(rest_.substr(0, colon));
        if (!size || rest_.size() - colon - 1 < *size) return std::nullopt;
        auto text = std::string(rest_.substr(colon + 1, *size));
        rest_.remove_prefix(colon + 1 + *size);
        return text;
    }
    [[nodiscard]] bool empty() const {
        return rest_.empty();
    }
    // Whether as many could still be there: each has two bytes at least.
    [[nodiscard]] bool holds(std::size_t words) const {
        return words <= rest_.size();
    }

private:
    std::string_view rest_;
};

// How each kind of answer is written, and read again. Absent: it is not all there.
std::string as_words(const std::string& text) {
    return word(text);
}
std::string as_words(const std::vector<std::string>& texts) {
    auto words = word(std::to_string(texts.size()));
    for (const auto& text : texts)
        words += word(text);
    return words;
}
std::string as_words(const Id& id) {
    return word(id ? std::to_string(*id) : "");
}
std::string as_words(const Answers& answers) {
    auto words = word(std::to_string(answers.size()));
    for (const auto& answer : answers) {
        words += word(answer ? yes : no);
        if (answer) words += word(answer->how) + word(answer->mend) + word(answer->unknown ? yes : no);
    }
    return words;
}
template <typename T> std::string as_words(const Result<T>& result) {
    if (result) return word(yes) + as_words(*result);
    return word(no) + word(result.error().text);
}

std::optional<std::size_t> read_count(Words& words) {
    const auto text = words.next();
    const auto count = text ? number_in<std::size_t>(*text) : std::nullopt;
    return count && words.holds(*count) ? count : std::nullopt;
}
bool read(Words& words, std::string& text) {
    auto next = words.next();
    if (next) text = std::move(*next);
    return next.has_value();
}
bool read(Words& words, std::vector<std::string>& texts) {
    const auto count = read_count(words);
    if (!count) return false;
    texts.resize(*count);
    for (auto& text : texts) {
        if (!read(words, text)) return false;
    }
    return true;
}
bool read(Words& words, Id& id) {
    const auto text = words.next();
    if (text) id = number_in<std::uint32_t>(*text);
    return text.has_value();
}
bool read(Words& words, Answers& answers) {
    const auto count = read_count(words);
    if (!count) return false;
    answers.resize(*count);
    for (auto& answer : answers) {
        const auto is = words.next();
        if (!is) return false;
        if (*is != yes) continue;
        std::string unknown;
        answer.emplace();
        if (!read(words, answer->how) || !read(words, answer->mend) || !read(words, unknown)) return false;
        answer->unknown = unknown == yes;
    }
    return true;
}
template <typename T> bool read(Words& words, Result<T>& result) {
    const auto good = words.next();
    if (!good) return false;
    if (*good == yes) return read(words, result.emplace());
    std::string text;
    if (!read(words, text)) return false;
    result = fail(std::move(text));
    return true;
}

struct Told {
    std::map<std::string, Result<std::string>> files;
    std::map<std::string, Result<std::vector<std::string>>> globs;
    std::map<std::string, Id> users;
    std::map<std::string, Id> groups;
    Answers alterable;
};

template <typename T> bool read_into(std::map<std::string, T>& all, const std::string& about, Words& words) {
    T answer{};
    if (!read(words, answer)) return false;
    all.insert_or_assign(about, std::move(answer));
    return true;
}

bool read_answer(Told& told, std::string_view kind, const std::string& about, Words& words) {
    if (kind == reading) return read_into(told.files, about, words);
    if (kind == expanding) return read_into(told.globs, about, words);
    if (kind == user) return read_into(told.users, about, words);
    if (kind == group) return read_into(told.groups, about, words);
    return kind == altering && read(words, told.alterable);
}

template <typename T> T answer_in(const std::map<std::string, T>& all, const std::string& about, T otherwise) {
    const auto found = all.find(about);
    return found == all.end() ? std::move(otherwise) : found->second;
}

} // namespace

void tell_sources(const std::string& path, const Sources& sources, const std::function<void(std::string_view)>& say) {
    const auto relay = [&say](std::string_view kind, const auto& ask) {
        return [&say, kind, &ask](const std::string& about) {
            say(word(kind) + word(about));
            auto answer = ask(about);
            say(as_words(answer));
            return answer;
        };
    };
    Sources relayed{.read = relay(reading, sources.read),
                    .expand = relay(expanding, sources.expand),
                    .user = relay(user, sources.user),
                    .group = relay(group, sources.group),
                    .refuses = sources.refuses};
    if (sources.alterable) {
        relayed.alterable = [&](const std::vector<Questioned>& questions) {
            say(word(altering) + word("what is read and executed"));
            auto answers = sources.alterable(questions);
            say(as_words(answers));
            return answers;
        };
    }
    std::ignore = load(path, relayed);
}

Result<Sources> told_sources(std::string_view said, bool whole) {
    auto told = std::make_shared<Told>();
    Words words(said);
    std::string last = "beginning to read";
    while (!words.empty()) {
        const auto kind = words.next();
        const auto about = words.next();
        if (!kind || !about) return fail(last);
        last = *kind + " " + *about;
        if (!read_answer(*told, *kind, *about, words)) return fail(last);
    }
    if (!whole) return fail(last);
    const auto unasked = [](const std::string& about) { return fail(about + " was not asked about"); };
    return Sources{
        .read =
            [=](const std::string& path) { return answer_in<Result<std::string>>(told->files, path, unasked(path)); },
        .expand =
            [=](const std::string& glob) {
                return answer_in<Result<std::vector<std::string>>>(told->globs, glob, unasked(glob));
            },
        .user = [=](const std::string& name) { return answer_in<Id>(told->users, name, std::nullopt); },
        .group = [=](const std::string& name) { return answer_in<Id>(told->groups, name, std::nullopt); },
        .alterable = [=](const std::vector<Questioned>&) { return told->alterable; }};
}

} // namespace nezuban
