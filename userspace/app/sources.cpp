#include "app/sources.hpp"

#include "io/alterable.hpp"
#include "io/clock.hpp"
#include "io/errand.hpp"
#include "io/files.hpp"
#include "io/own_process.hpp"
#include "io/users.hpp"

#include <string_view>
#include <utility>

namespace nezuban {

namespace {

using Answers = std::vector<std::optional<Alterable>>;

std::optional<Weakness> look(const Questioned& about, const Insiders& insiders) {
    if (!about.program) return weakness_of(about.path, insiders);
    const auto program = find_program(about.path);
    return program ? weakness_of(*program, insiders) : std::nullopt;
}

// Two strings for each question, each ended by NUL; empty ones where there is nothing to say.
void look_at_all(const std::vector<Questioned>& questions, const Errand::Say& say) {
    const auto known = insiders();
    for (const auto& about : questions) {
        const auto found = look(about, known);
        auto text = found ? tell(*found) : std::string();
        text.push_back('\0');
        if (found) text += mend(*found);
        text.push_back('\0');
        say(text);
    }
}

std::optional<std::string> next_of(std::string_view& text) {
    const auto end = text.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    auto word = std::string(text.substr(0, end));
    text.remove_prefix(end + 1);
    return word;
}

Answers ask(const std::vector<Questioned>& questions, Duration patience) {
    auto errand =
        Errand::send([&](const Errand::Say& say) { look_at_all(questions, say); }, Errand::Descriptors::closed);
    const auto brought = errand ? errand->wait(monotonic_now() + patience).text : std::string();
    const auto why = errand ? std::string("a disk on the way does not answer") : errand.error().text;
    Answers answers;
    std::string_view text = brought;
    for (std::size_t i = 0; i < questions.size(); ++i) {
        auto how = next_of(text);
        auto mending = how ? next_of(text) : std::nullopt;
        if (!mending) {
            answers.emplace_back(Alterable{.how = why, .mend = {}, .unknown = true});
        } else if (how->empty()) {
            answers.emplace_back(std::nullopt);
        } else {
            answers.emplace_back(Alterable{.how = std::move(*how), .mend = std::move(*mending)});
        }
    }
    return answers;
}

} // namespace

Sources system_sources() {
    // One byte more than config/ accepts, so that it is config/ that says "too large", with the file's name.
    return {.read = [](const std::string& path) { return read_file(path, longest_configuration + 1); },
            .expand = expand_glob,
            .user = user_id,
            .group = group_id};
}

Sources guarded_sources(Duration patience) {
    auto sources = system_sources();
    sources.alterable = [patience](const std::vector<Questioned>& questions) { return ask(questions, patience); };
    sources.refuses = own_uid() == 0;
    return sources;
}

} // namespace nezuban
