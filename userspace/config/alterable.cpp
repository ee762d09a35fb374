#include "config/alterable.hpp"

#include "core/interpreter.hpp"
#include "core/words.hpp"

#include <array>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace nezuban {

namespace {

using R = RuleSpec;
constexpr std::array<CommandKey, 7> keys{{
    {"count.over_command", [](const R& r) -> const Argv& { return r.count.over_command; }},
    {"ready.command", [](const R& r) -> const Argv& { return r.ready.command; }},
    {"restart.command", [](const R& r) -> const Argv& { return r.restart.command; }},
    {"restart.stop", [](const R& r) -> const Argv& { return r.restart.stop; }},
    {"restart.start", [](const R& r) -> const Argv& { return r.restart.start; }},
    {"escalate.command", [](const R& r) -> const Argv& { return r.escalate.command; }},
    {"notify.command", [](const R& r) -> const Argv& { return r.notify_command; }},
}};

// What to ask about, each once, and where it is to be said.
class Questions {
public:
    struct Spot {
        Place place;
        std::string_view key; // of the command; empty: a file
    };

    void add(Questioned about, Spot spot) {
        const auto [at, fresh] = numbers_.try_emplace(about, asked_.size());
        if (fresh) {
            asked_.push_back(std::move(about));
            spots_.emplace_back();
        }
        auto& spots = spots_[at->second];
        // A whole file of rules that inherit one command says it at one place.
        if (spots.empty() || spots.back().place != spot.place) spots.push_back(spot);
    }
    [[nodiscard]] const std::vector<Questioned>& asked() const {
        return asked_;
    }
    [[nodiscard]] const std::vector<Spot>& spots(std::size_t number) const {
        return spots_[number];
    }

private:
    std::map<Questioned, std::size_t> numbers_;
    std::vector<Questioned> asked_;
    std::vector<std::vector<Spot>> spots_;
};

void add_command(Questions& questions, const RuleDraft& rule, const CommandKey& key) {
    const auto& argv = key.of(rule.value);
    const auto* setting = rule.find(key.path);
    if (argv.empty() || setting == nullptr || setting->broken) return;
    const auto add = [&](std::size_t item) {
        const auto place = item < setting->items.size() ? setting->items[item] : setting->value;
        questions.add({.path = argv[item], .program = item == 0}, {.place = place, .key = key.path});
    };
    add(0);
    if (const auto script = script_in(argv)) add(*script);
}

std::string text_of(const Questioned& about, std::string_view key, const Alterable& answer) {
    const auto what = key.empty() ? about.path : fmt::format("{}: {}", key, quoted(about.path));
    if (answer.unknown) return fmt::format("{}: whether others could alter it is not known: {}", what, answer.how);
    return fmt::format("{} could be altered by others: {}", what, answer.how);
}

} // namespace

std::span<const CommandKey> command_keys() {
    return keys;
}

void check_alterable(std::span<const Files::Trusted> files, std::span<const RuleDraft> rules, ScriptSecurity security,
                     const Sources& sources, Complaints& complaints) {
    if (!sources.alterable) return;
    Questions questions;
    for (const auto& file : files) {
        const bool main_file = !file.by;
        if (security != ScriptSecurity::off || (main_file && sources.refuses))
            questions.add({.path = file.path}, {.place = file.by.value_or(Place{}), .key = {}});
    }
    for (const auto& rule : rules) {
        for (const auto& key : keys) {
            if (security != ScriptSecurity::off) add_command(questions, rule, key);
        }
    }
    const auto answers = sources.alterable(questions.asked());
    for (std::size_t i = 0; i < answers.size() && i < questions.asked().size(); ++i) {
        if (!answers[i]) continue;
        for (const auto& [place, key] : questions.spots(i)) {
            const bool main_file = place == Place{} && key.empty();
            auto text = text_of(questions.asked()[i], key, *answers[i]);
            auto hint = answers[i]->mend;
            if (!main_file && security == ScriptSecurity::refuse && sources.refuses && !answers[i]->unknown)
                hint += R"(, or script_security = "warn" in [daemon])";
            const bool refused = main_file || security == ScriptSecurity::refuse;
            if (refused && sources.refuses && !answers[i]->unknown)
                complaints.error(place, std::move(text), std::move(hint));
            else
                complaints.warning(place, std::move(text), std::move(hint));
        }
    }
}

} // namespace nezuban
