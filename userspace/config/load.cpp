#include "config/load.hpp"

#include "config/alterable.hpp"
#include "config/checks.hpp"
#include "config/groups.hpp"
#include "config/includes.hpp"
#include "config/references.hpp"
#include "config/section.hpp"
#include "core/words.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace nezuban {

namespace {

constexpr std::size_t most_rules = 10'000;
// Every rule holds a copy of what it inherits: a short file must not become a long one by that.
constexpr std::size_t most_inherited = std::size_t{64} << 20U;

// About what a copy of it takes.
std::size_t weight(const Value& value) {
    constexpr std::size_t each = 64;
    std::size_t sum = each;
    if (const auto* text = std::get_if<std::string>(&value.data)) sum += text->size();
    if (const auto* items = std::get_if<Array>(&value.data)) {
        for (const auto& item : *items) {
            sum += weight(item);
        }
    }
    if (const auto* table = std::get_if<Table>(&value.data)) {
        for (const auto& entry : *table) {
            sum += each + weight(entry.value);
        }
    }
    return sum;
}

class Loader {
public:
    Loader(const std::string& path, const Sources& sources) : sources_(sources), files_(path, sources, complaints_) {}

    Loaded run() {
        while (auto file = files_.next()) {
            if (file->number == 0) main_file_read_ = true;
            read_file(*file);
        }
        check();
        check_alterable(files_.trusted(), rules_, daemon_.value.script_security, sources_, complaints_);
        Loaded loaded;
        loaded.main_file_read = main_file_read_;
        loaded.spec.daemon = std::move(daemon_.value);
        for (auto& rule : rules_) {
            loaded.spec.rules.push_back(std::move(rule.value));
        }
        for (auto& group : groups_) {
            loaded.spec.groups.push_back(std::move(group.value));
        }
        loaded.diagnostics = complaints_.take();
        return loaded;
    }

private:
    // [daemon], [defaults] and include first: they are of the main file, and the rules build on them.
    void read_file(const File& file) {
        const Reader reader{sources_, complaints_, file.number};
        for (const auto& entry : file.table) {
            if (entry.key == "daemon" || entry.key == "defaults") {
                single(reader, file, entry);
            } else if (entry.key == "include") {
                if (only_main(reader, file, entry)) files_.include(reader, entry.value);
            } else if (entry.key != "process" && entry.key != "group") {
                unknown_top_level(reader, entry);
            }
        }
        for (const auto& entry : file.table) {
            if (entry.key == "process") each(reader, entry, [&](const Value& header) { add_rule(reader, header); });
            if (entry.key == "group") each(reader, entry, [&](const Value& header) { add_group(reader, header); });
        }
    }

    bool only_main(const Reader& reader, const File& file, const Entry& entry) {
        if (file.number == 0) return true;
        complaints_.error(reader.place(entry.where), fmt::format("{} may stand only in the main file", entry.key),
                          fmt::format("move it to {}", complaints_.file(0)));
        return false;
    }

    void single(const Reader& reader, const File& file, const Entry& entry) {
        if (!only_main(reader, file, entry)) return;
        const auto* table = std::get_if<Table>(&entry.value.data);
        if (table == nullptr) {
            complaints_.error(reader.place(entry.value.where),
                              fmt::format("{}: expected a table, found {}", entry.key, kind_of(entry.value)),
                              fmt::format("write [{}]", entry.key));
        } else if (entry.key == "daemon") {
            read_section(reader, "[daemon]", *table, daemon_keys(), daemon_);
        } else {
            defaults_.place = reader.place(entry.value.where);
            defaults_weight_ = weight(entry.value);
            read_section(reader, "[defaults]", *table, rule_keys(), defaults_);
            if (const auto* name = defaults_.find("name")) {
                complaints_.error(name->key, "name may not stand in [defaults]", "every rule has its own");
                defaults_.value.name.clear();
                defaults_.settings.erase("name");
            }
            for (auto& [path, setting] : defaults_.settings) {
                setting.own = false;
            }
        }
    }

    template <typename Add> void each(const Reader& reader, const Entry& entry, Add add) {
        const auto* headers = std::get_if<Array>(&entry.value.data);
        const auto wrong = [&](const Value& value) {
            complaints_.error(reader.place(value.where),
                              fmt::format("{}: expected an array of tables, found {}", entry.key, kind_of(value)),
                              fmt::format("write [[{}]]", entry.key));
        };
        if (headers == nullptr) return wrong(entry.value);
        for (const auto& header : *headers) {
            if (std::holds_alternative<Table>(header.data)) {
                add(header);
            } else {
                wrong(header);
            }
        }
    }

    void add_rule(const Reader& reader, const Value& header) {
        if (rules_.size() >= most_rules) {
            complaints_.error(reader.place(header.where), fmt::format("more than {} rules", most_rules));
            return;
        }
        if ((rules_.size() + 1) * defaults_weight_ > most_inherited) {
            complaints_.error(defaults_.place, "this is too much to be inherited by so many rules");
            return;
        }
        auto rule = defaults_;
        rule.place = reader.place(header.where);
        read_section(reader, "[[process]]", std::get<Table>(header.data), rule_keys(), rule);
        settle_requires(rule);
        settle_ready(rule);
        rules_.push_back(std::move(rule));
    }

    // In [defaults], requires means all rules but the required ones themselves.
    static void settle_requires(RuleDraft& rule) {
        auto& names = rule.value.required;
        if (rule.own("requires")) return;
        const auto self = std::ranges::find(names, rule.value.name);
        if (self == names.end()) return;
        auto& items = rule.settings.find("requires")->second.items;
        items.erase(items.begin() + (self - names.begin()));
        names.erase(self);
    }

    // A rule's own way of being ready stands instead of the inherited one.
    static void settle_ready(RuleDraft& rule) {
        const auto own = [&](std::string_view path) { return rule.own(path); };
        if (std::ranges::none_of(ready_ways, own)) return;
        auto& ready = rule.value.ready;
        if (!own("ready.command")) ready.command.clear();
        if (!own("ready.tcp")) ready.tcp.clear();
        if (!own("ready.http")) ready.http.clear();
        for (const auto path : ready_ways) {
            if (!own(path)) rule.settings.erase(path);
        }
    }

    void add_group(const Reader& reader, const Value& header) {
        if (groups_.size() >= most_rules) {
            complaints_.error(reader.place(header.where), fmt::format("more than {} groups", most_rules));
            return;
        }
        GroupDraft group;
        group.place = reader.place(header.where);
        read_section(reader, "[[group]]", std::get<Table>(header.data), group_keys(), group);
        groups_.push_back(std::move(group));
    }

    void check() {
        for (const auto& rule : rules_) {
            check_rule(rule, complaints_);
        }
        check_names(rules_, groups_, complaints_);
        check_references(rules_, groups_, files_.complete(), complaints_);
        check_cycles(rules_, complaints_);
        check_groups(rules_, groups_, complaints_);
        if (rules_.empty() && complaints_.errors() == 0) {
            complaints_.warning({}, "there is no rule: nothing is watched", "add a [[process]] table");
        }
    }

    const Sources& sources_;
    Complaints complaints_;
    Files files_;
    bool main_file_read_ = false;
    DaemonDraft daemon_;
    RuleDraft defaults_;
    std::size_t defaults_weight_ = 0;
    std::vector<RuleDraft> rules_;
    std::vector<GroupDraft> groups_;
};

} // namespace

bool Loaded::ok() const {
    return std::ranges::none_of(diagnostics, [](const Diagnostic& d) { return d.level == Diagnostic::Level::error; });
}

Loaded load(const std::string& path, const Sources& sources) {
    return Loader(path, sources).run();
}

} // namespace nezuban
