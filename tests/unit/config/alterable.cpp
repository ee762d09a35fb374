#include "config/alterable.hpp"

#include "config/schema.hpp"
#include "in_memory.hpp"

#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace nezuban;
using namespace nezuban::test;

namespace {

constexpr const char* main_path = "/etc/nezuban/nezuban.toml";

// All that is asked; everything that is in `weak` could be altered.
struct Machine {
    Texts texts;
    std::set<std::string> weak;
    bool root = true;
    std::vector<Questioned> asked = {};

    Loaded load() {
        auto sources = sources_of(texts);
        sources.refuses = root;
        sources.alterable = [this](const std::vector<Questioned>& questions) {
            asked = questions;
            std::vector<std::optional<Alterable>> answers;
            for (const auto& question : questions) {
                auto& answer = answers.emplace_back();
                if (weak.contains(question.path)) answer = {.how = "it is weak", .mend = "mend it"};
            }
            return answers;
        };
        return nezuban::load(main_path, sources);
    }
};

std::string with_security(const std::string& how) {
    return "[daemon]\nscript_security = \"" + how + "\"\n";
}

const std::string rule = "[[process]]\nname = \"a\"\nmatch.comm = \"a\"\nnotify.command = [\"notify\"]\n";

} // namespace

TEST_CASE("every key that takes a command is among those that are looked at") {
    std::set<std::string_view> looked_at;
    for (const auto& key : command_keys())
        looked_at.insert(key.path);
    std::set<std::string_view> commands;
    for (const auto& key : schema()) {
        if (key.kind == "command") commands.insert(key.path);
    }
    CHECK(looked_at == commands);
    RuleSpec spec;
    std::set<const Argv*> places;
    for (const auto& key : command_keys())
        places.insert(&key.of(spec));
    CHECK(places.size() == command_keys().size());
}

TEST_CASE("files, the directories of globs, programs and scripts are asked about, each once") {
    Machine machine{.texts = {{main_path, "include = [\"conf.d/*.toml\"]\n" + rule
                                              + "restart.command = [\"/bin/sh\", \"/etc/x.sh\"]\n"},
                              {"/etc/nezuban/conf.d/b.toml",
                               "[[process]]\nname = \"b\"\nmatch.comm = \"b\"\nnotify.command = [\"notify\"]\n"}},
                    .weak = {}};
    CHECK(machine.load().diagnostics.empty());
    const std::vector<Questioned> wanted{{.path = main_path},
                                         {.path = "/etc/nezuban/conf.d"},
                                         {.path = "/etc/nezuban/conf.d/b.toml"},
                                         {.path = "/bin/sh", .program = true},
                                         {.path = "/etc/x.sh"},
                                         {.path = "notify", .program = true}};
    CHECK(machine.asked == wanted);
}

TEST_CASE("root is refused what others could alter, others are warned of it") {
    Machine machine{.texts = {{main_path, rule}}, .weak = {"notify"}};
    auto loaded = machine.load();
    CHECK_FALSE(loaded.ok());
    CHECK(told(loaded)
          == "/etc/nezuban/nezuban.toml:4:19: error: notify.command: \"notify\" could be altered by others: it is weak "
             "(hint: mend it, or script_security = \"warn\" in [daemon])\n");
    machine.root = false;
    loaded = machine.load();
    CHECK(loaded.ok());
    CHECK(loaded.diagnostics.size() == 1);
}

TEST_CASE("script_security warns, or lets nobody look") {
    Machine machine{.texts = {{main_path, with_security("warn") + rule}}, .weak = {"notify"}};
    auto loaded = machine.load();
    CHECK(loaded.ok());
    REQUIRE(loaded.diagnostics.size() == 1);
    CHECK(loaded.diagnostics[0].hint == "mend it");
    machine.texts[main_path] = with_security("off") + rule;
    CHECK(machine.load().diagnostics.empty());
    CHECK(machine.asked == std::vector<Questioned>{{.path = main_path}});
    machine.root = false;
    machine.load();
    CHECK(machine.asked.empty());
}

TEST_CASE("the main file can't excuse itself: who alters it would write the excuse into it") {
    for (const auto* how : {"refuse", "warn", "off"}) {
        CAPTURE(how);
        Machine machine{.texts = {{main_path, with_security(how) + rule}}, .weak = {main_path}};
        const auto loaded = machine.load();
        CHECK_FALSE(loaded.ok());
        CHECK(told(loaded)
              == "/etc/nezuban/nezuban.toml:1:1: error: /etc/nezuban/nezuban.toml could be altered by others: it is "
                 "weak (hint: mend it)\n");
    }
}

TEST_CASE("a command that many rules inherit is complained of once") {
    std::string text = "[defaults]\nnotify.command = [\"notify\"]\n";
    for (int i = 0; i < 50; ++i)
        text += "[[process]]\nname = \"r" + std::to_string(i) + "\"\nmatch.comm = \"a\"\n";
    Machine machine{.texts = {{main_path, text}}, .weak = {"notify"}};
    CHECK(machine.load().diagnostics.size() == 1);
}
