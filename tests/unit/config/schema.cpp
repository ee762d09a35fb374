#include "config/schema.hpp"

#include "in_memory.hpp"

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include <doctest/doctest.h>

using namespace nezuban;
using namespace nezuban::test;

namespace {

std::vector<std::string> lines_of(const std::string& path) {
    std::ifstream file(std::string(NEZUBAN_SOURCE_DIR) + "/" + path);
    REQUIRE_MESSAGE(file, path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) {
        lines.push_back(line);
    }
    return lines;
}

std::string shown_default(const KeyText& key) {
    return key.fallback.empty() ? "–" : "`" + std::string(key.fallback) + "`";
}

// As docs/reference/configuration.md has it.
std::string markdown_row(const KeyText& key) {
    return "| `" + std::string(key.path) + "` | " + std::string(key.kind) + " | " + shown_default(key) + " | "
           + std::string(key.help) + " |";
}

} // namespace

TEST_CASE("what the schema calls a default is what a rule has without the key") {
    const std::string bare = "[[process]]\nname = \"a\"\nmatch.comm = \"a\"\n";
    const auto plain = load_text(bare).spec;
    for (const auto& key : schema()) {
        if (key.fallback.empty()) continue;
        const auto setting = std::string(key.path) + " = " + std::string(key.fallback) + "\n";
        CAPTURE(setting);
        std::string text;
        if (key.section == "daemon") text = "[daemon]\n" + setting + bare;
        if (key.section == "process") text = bare + setting;
        if (key.section == "group") text = bare + "[[group]]\nname = \"g\"\nmembers = [\"a\"]\n" + setting;
        const auto loaded = load_text(text);
        CAPTURE(told(loaded));
        CHECK(loaded.ok());
        CHECK(loaded.spec.daemon == plain.daemon);
        CHECK(loaded.spec.rules == plain.rules);
        if (key.section == "group") CHECK(loaded.spec.groups == std::vector{GroupSpec{.name = "g", .members = {"a"}}});
    }
}

TEST_CASE("no path of the schema is there twice, and none is the beginning of another") {
    std::set<std::string> paths;
    for (const auto& key : schema()) {
        CHECK(paths.insert(std::string(key.section) + " " + std::string(key.path)).second);
        for (const auto& other : schema()) {
            CHECK_FALSE((key.section == other.section && other.path.starts_with(std::string(key.path) + ".")));
        }
    }
}

TEST_CASE("the reference documents every key as the schema has it, and no other") {
    const auto lines = lines_of("docs/reference/configuration.md");
    std::map<std::string, std::multiset<std::string>> rows; // by section
    std::string section;
    for (const auto& line : lines) {
        if (line.starts_with("## ")) {
            section = line.find("[[process]]") != std::string::npos ? "process"
                      : line.find("[[group]]") != std::string::npos ? "group"
                      : line.find("[daemon]") != std::string::npos  ? "daemon"
                                                                    : "";
        } else if (line.starts_with("| `")) {
            rows[section].insert(line);
        }
    }
    std::size_t documented = 0;
    for (const auto& [name, of_section] : rows) {
        documented += of_section.size();
    }
    const auto keys = schema();
    for (const auto& key : keys) {
        const auto row = markdown_row(key);
        CHECK_MESSAGE(rows[std::string(key.section)].contains(row), row);
    }
    CHECK(documented == keys.size());
}

TEST_CASE("the man page documents every key with its default, and no other") {
    const auto lines = lines_of("docs/man/nezuban.toml.5");
    std::map<std::string, std::string> defaults; // "section key" -> as shown
    std::string section;
    std::string key;
    for (const auto& line : lines) {
        const std::string heading = ".Ss ";
        const std::string item = ".It Ic ";
        const std::string fallback = "Default: ";
        if (line.starts_with(".Sh")) section.clear();
        if (line.starts_with(heading)) section = line.substr(heading.size());
        if (line.starts_with(item)) {
            key = section + " " + line.substr(item.size());
            CHECK_MESSAGE(defaults.emplace(key, "").second, key);
        }
        if (line.starts_with(fallback)) defaults[key] = line.substr(fallback.size());
    }
    const std::map<std::string_view, std::string> headings{{"", "Top of the file"},
                                                           {"daemon", "[daemon]"},
                                                           {"process", "[[process]] and [defaults]"},
                                                           {"group", "[[group]]"}};
    for (const auto& known : schema()) {
        const auto name = headings.at(known.section) + " " + std::string(known.path);
        CAPTURE(name);
        REQUIRE(defaults.contains(name));
        CHECK(defaults.at(name) == (known.fallback.empty() ? "none." : std::string(known.fallback) + "."));
    }
    CHECK(defaults.size() == schema().size());
}
