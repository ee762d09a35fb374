// Every verb and option stands in the reference and in the man page, and nothing stands there that isn't so.
#include "cli/command_line.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <doctest/doctest.h>

using namespace nezuban;

namespace {

using Names = std::set<std::string>;
using Sections = std::map<std::string, std::string>; // a verb, and what is said of it

std::string contents(const std::string& path) {
    std::ifstream in(std::filesystem::path(NEZUBAN_SOURCE_DIR) / path);
    REQUIRE(in.good());
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

struct Document {
    Sections verbs;
    std::string whole;
    // How an option of this name is written there.
    std::string (*long_option)(const std::string&);
    std::string (*short_option)(const std::string&);
};

// What follows a line that names a verb, up to the next line that opens a section.
Sections sections(const std::string& text, const std::regex& verb, const std::regex& any) {
    Sections found;
    std::string current;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        std::smatch match;
        if (std::regex_match(line, match, verb))
            current = match[1];
        else if (std::regex_match(line, any))
            current.clear();
        if (!current.empty()) found[current] += line + "\n";
    }
    return found;
}

Document reference() {
    auto text = contents("docs/reference/verbs.md");
    return {.verbs = sections(text, std::regex("## ([a-z]+)"), std::regex("#.*")),
            .whole = text,
            .long_option = [](const std::string& name) { return "--" + name; },
            .short_option = [](const std::string& name) { return "`-" + name + "`"; }};
}

Document man_page() {
    auto text = contents("docs/man/nezuban.8");
    return {.verbs = sections(text, std::regex("\\.Ss ([a-z]+).*"), std::regex("\\.S[hs].*")),
            .whole = text,
            .long_option = [](const std::string& name) { return "Fl -" + name; },
            .short_option = [](const std::string& name) { return "Fl " + name; }};
}

std::vector<const CLI::App*> verbs_of(const CLI::App& app) {
    return app.get_subcommands([](const CLI::App*) { return true; });
}

void check_options(const CLI::App& app, const std::string& text, const Document& document) {
    for (const auto* option : app.get_options()) {
        for (const auto& name : option->get_lnames()) {
            if (name == "help" && app.get_parent() != nullptr) continue; // every verb has it: said once
            CAPTURE(name);
            CHECK(text.find(document.long_option(name)) != std::string::npos);
        }
        for (const auto& name : option->get_snames()) {
            if (name == "h" && app.get_parent() != nullptr) continue;
            CAPTURE(name);
            CHECK(text.find(document.short_option(name)) != std::string::npos);
        }
    }
}

void check_document(const Document& document) {
    Options options;
    const auto app = make_command_line(options);
    Names known;
    for (const auto* verb : verbs_of(*app)) {
        CAPTURE(verb->get_name());
        known.insert(verb->get_name());
        REQUIRE(document.verbs.contains(verb->get_name()));
        check_options(*verb, document.verbs.at(verb->get_name()), document);
    }
    check_options(*app, document.whole, document);
    for (const auto& [verb, text] : document.verbs) {
        CAPTURE(verb);
        CHECK(known.contains(verb));
    }
}

} // namespace

TEST_CASE("the reference describes every verb and option, and no others") {
    check_document(reference());
}

TEST_CASE("the man page describes every verb and option, and no others") {
    check_document(man_page());
}

TEST_CASE("every command line shown in the documents and in the help can be typed as it stands") {
    Options ignored;
    const auto text =
        contents("docs/reference/verbs.md") + contents("docs/man/nezuban.8") + make_command_line(ignored)->help();
    const std::regex shown(R"((?:^|`|\n *)nezuban ((?:[a-z]+)(?: [^`\n]*)?))");
    int lines = 0;
    for (auto found = std::sregex_iterator(text.begin(), text.end(), shown); found != std::sregex_iterator(); ++found) {
        // Up to the explanation beside it; "[NAME…]" is how the reference says that a name may follow.
        auto line = (*found)[1].str();
        line = line.substr(0, line.find("  "));
        std::istringstream words(std::regex_replace(line, std::regex(R"(\[([A-Z]+)…\])"), "$1"));
        std::vector<std::string> argv{"nezuban"};
        std::copy(std::istream_iterator<std::string>(words), {}, std::back_inserter(argv));
        if (argv[1] == "keeps") continue; // "nezuban keeps the processes ...": the help's first sentence
        std::ranges::replace(argv, std::string{"--style=S"}, std::string{"--style=ocf"});
        std::vector<const char*> pointers;
        for (const auto& word : argv)
            pointers.push_back(word.c_str());
        Options options;
        std::ostringstream out;
        std::ostringstream err;
        CAPTURE(line);
        CHECK_FALSE(parse_command_line(static_cast<int>(pointers.size()), pointers.data(), options, out, err));
        CHECK(err.str().empty());
        ++lines;
    }
    CHECK(lines >= 25);
}
