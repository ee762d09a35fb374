#include "config/includes.hpp"

#include "config/paths.hpp"
#include "core/words.hpp"

#include <fmt/format.h>

namespace nezuban {

namespace {

constexpr std::size_t most_files = 1000;
constexpr std::size_t most_bytes = 16 * longest_configuration; // of all files together

} // namespace

Files::Files(const std::string& path, const Sources& sources, Complaints& complaints)
    : main_(path), sources_(sources), complaints_(complaints) {
    wanted_.push_back({.path = path, .by = std::nullopt});
    seen_.insert(plain_path(path));
}

void Files::refuse(Place place, std::string text, std::string hint) {
    complete_ = false;
    complaints_.error(place, std::move(text), std::move(hint));
}

std::optional<File> Files::next() {
    while (!wanted_.empty()) {
        const auto wanted = std::move(wanted_.front());
        wanted_.pop_front();
        if (auto file = open(wanted)) return file;
    }
    return std::nullopt;
}

std::optional<File> Files::open(const Wanted& wanted) {
    const auto number = complaints_.add_file(wanted.path);
    const auto text = sources_.read(wanted.path);
    if (!text) {
        refuse(wanted.by.value_or(Place{.file = number}), text.error().text);
        return std::nullopt;
    }
    trusted_.push_back({.path = wanted.path, .by = wanted.by});
    if (text->size() > longest_configuration) {
        refuse({.file = number},
               fmt::format("this file has {} bytes, a configuration at most {}", text->size(), longest_configuration),
               "spread the rules over several files, see include");
        return std::nullopt;
    }
    bytes_ += text->size();
    if (bytes_ > most_bytes) {
        refuse({.file = number}, fmt::format("the included files have more than {} bytes together", most_bytes));
        wanted_.clear();
        return std::nullopt;
    }
    auto table = parse_document(*text);
    if (!table) {
        const auto [line, column] = table.error().where;
        refuse({.file = number, .line = line, .column = column}, table.error().text, table.error().hint);
        return std::nullopt;
    }
    return File{.number = number, .table = std::move(*table)};
}

void Files::include(const Reader& reader, const Value& value) {
    const auto* items = std::get_if<Array>(&value.data);
    if (items != nullptr && items->empty()) return;
    std::vector<std::string> patterns;
    const Field field("include", reader.file, value, sources_, complaints_);
    if (!field.strings(patterns)) complete_ = false;
    if (items == nullptr) return;
    for (const auto& item : *items) {
        const auto* pattern = std::get_if<std::string>(&item.data);
        const bool good = pattern != nullptr && text_problem(*pattern).empty(); // the others are complained about
        if (good) include_pattern(reader.place(item.where), *pattern);
    }
}

void Files::include_pattern(Place place, const std::string& pattern) {
    if (pattern.empty()) return refuse(place, "include: the path is empty");
    const auto path = relative_to(main_, pattern);
    if (!is_glob(pattern)) return want(place, path, true);
    const auto directory = plain_path(path.substr(0, path.rfind('/', path.find_first_of("*?[")) + 1));
    trusted_.push_back({.path = directory.empty() ? "." : directory, .by = place});
    const auto found = sources_.expand(path);
    if (!found) return refuse(place, fmt::format("include: {}", found.error().text));
    for (const auto& each : *found) {
        want(place, each, false);
    }
}

void Files::want(Place place, const std::string& path, bool literal) {
    const auto plain = plain_path(path);
    if (literal && plain == plain_path(main_)) {
        return refuse(place, "include: this file includes itself", "leave it out");
    }
    if (!seen_.insert(plain).second) return; // two globs may well find the same file
    if (seen_.size() > most_files) return refuse(place, fmt::format("include: more than {} files", most_files));
    wanted_.push_back({.path = path, .by = place});
}

} // namespace nezuban
