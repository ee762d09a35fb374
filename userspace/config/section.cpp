#include "config/section.hpp"

#include "core/words.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace nezuban {

namespace {

std::string_view last_part(std::string_view path) {
    return path.substr(path.rfind('.') + 1); // npos + 1 is 0
}

// The known path that was meant by an unknown one: the same word in another table, or nearly the same path.
std::string_view meant(std::string_view unknown, std::span<const std::string_view> paths) {
    const auto same = std::ranges::find(paths, last_part(unknown), last_part);
    if (same != paths.end()) return *same;
    const auto table = unknown.substr(0, unknown.size() - last_part(unknown).size());
    std::vector<std::string_view> siblings;
    std::ranges::copy_if(paths, std::back_inserter(siblings), [&](auto path) { return path.starts_with(table); });
    if (table.empty() || siblings.empty()) return nearest(unknown, paths);
    std::vector<std::string_view> words;
    std::ranges::transform(siblings, std::back_inserter(words), last_part);
    const auto word = nearest(last_part(unknown), words);
    return word.empty() ? word : siblings[static_cast<std::size_t>(std::ranges::find(words, word) - words.begin())];
}

// All paths, and the tables on the way to them: "match", "match.comm".
template <typename Target> std::vector<std::string_view> paths_of(std::span<const Key<Target>> keys) {
    std::vector<std::string_view> paths;
    for (const auto& key : keys) {
        const auto table = key.path.substr(0, key.path.find('.'));
        if (paths.empty() || table != paths.back().substr(0, paths.back().find('.'))) paths.push_back(table);
        if (paths.back() != key.path) paths.push_back(key.path);
    }
    return paths;
}

template <typename Target> struct Walk {
    const Reader& reader;
    std::string_view shown;
    std::span<const Key<Target>> keys;
    Draft<Target>& draft;

    void table(const Table& entries, const std::string& prefix) {
        for (const auto& entry : entries) {
            const auto path = prefix + entry.key;
            if (const auto found = std::ranges::find(keys, path, &Key<Target>::path); found != keys.end()) {
                read(*found, entry);
            } else if (is_table(path)) {
                descend(entry, path);
            } else {
                unknown(entry, path);
            }
        }
    }

    [[nodiscard]] bool is_table(std::string_view path) const {
        return std::ranges::any_of(keys, [&](const auto& key) {
            return key.path.size() > path.size() && key.path.starts_with(path) && key.path[path.size()] == '.';
        });
    }

    void descend(const Entry& entry, const std::string& path) {
        if (const auto* inner = std::get_if<Table>(&entry.value.data)) {
            table(*inner, path + '.');
            return;
        }
        doubt(path);
        std::string known;
        for (const auto& key : keys) {
            if (key.path.starts_with(path + '.')) known += fmt::format("{}{}", known.empty() ? "" : ", ", key.path);
        }
        reader.complaints.error(reader.place(entry.value.where),
                                fmt::format("{}: expected a table, found {}", path, kind_of(entry.value)),
                                fmt::format("its keys are {}", known));
    }

    void read(const Key<Target>& key, const Entry& entry) {
        Setting setting{.key = reader.place(entry.where), .value = reader.place(entry.value.where)};
        if (const auto* items = std::get_if<Array>(&entry.value.data)) {
            for (const auto& item : *items) {
                setting.items.push_back(reader.place(item.where));
            }
        }
        const auto before = reader.complaints.errors();
        key.read(Field(key.path, reader.file, entry.value, reader.sources, reader.complaints), draft.value);
        setting.broken = reader.complaints.errors() != before;
        if (setting.broken) doubt(key.path);
        draft.settings[key.path] = std::move(setting);
    }

    void doubt(std::string_view path) {
        draft.doubtful.emplace(path.substr(0, path.find('.')));
    }

    void unknown(const Entry& entry, const std::string& path) {
        std::string hint;
        if (std::ranges::find(section_names(), path) != section_names().end()) {
            hint = "it belongs to the top of the file, above the first [table]"; // the usual trap of TOML
        } else if (!reader.complaints.full()) {
            const auto found = meant(path, paths_of(keys));
            if (!found.empty()) doubt(found);
            if (!found.empty()) hint = fmt::format("did you mean {}?", quoted(found));
        }
        reader.complaints.error(reader.place(entry.where), fmt::format("unknown key {} in {}", quoted(path), shown),
                                std::move(hint));
    }
};

} // namespace

template <typename Target>
void read_section(const Reader& reader, std::string_view shown, const Table& table, std::span<const Key<Target>> keys,
                  Draft<Target>& draft) {
    Walk<Target>{reader, shown, keys, draft}.table(table, {});
}

template void read_section(const Reader&, std::string_view, const Table&, std::span<const Key<DaemonSpec>>,
                           DaemonDraft&);
template void read_section(const Reader&, std::string_view, const Table&, std::span<const Key<RuleSpec>>, RuleDraft&);
template void read_section(const Reader&, std::string_view, const Table&, std::span<const Key<GroupSpec>>, GroupDraft&);

void unknown_top_level(const Reader& reader, const Entry& entry) {
    auto hint = did_you_mean(entry.key, section_names());
    if (hint.empty() && !reader.complaints.full()) {
        // The key of a section, without its section.
        const auto keys = schema();
        std::vector<std::string_view> words;
        std::ranges::transform(keys, std::back_inserter(words),
                               [](const KeyText& key) { return key.path.substr(0, key.path.find('.')); });
        if (const auto word = nearest(entry.key, words); !word.empty()) {
            const auto section = keys[static_cast<std::size_t>(std::ranges::find(words, word) - words.begin())].section;
            hint = fmt::format("did you mean {}, below {}?", quoted(word),
                               section == "daemon"  ? "[daemon]"
                               : section == "group" ? "[[group]]"
                                                    : "[[process]]");
        }
    }
    reader.complaints.error(reader.place(entry.where), fmt::format("unknown key {}", quoted(entry.key)),
                            std::move(hint));
}

} // namespace nezuban
