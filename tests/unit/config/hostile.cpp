#include "in_memory.hpp"

#include <algorithm>

#include <doctest/doctest.h>

using namespace nezuban;
using namespace nezuban::test;

namespace {

std::string repeated(const std::string& piece, std::size_t times) {
    std::string text;
    text.reserve(piece.size() * times);
    for (std::size_t i = 0; i < times; ++i) {
        text += piece;
    }
    return text;
}

bool mentions(const Loaded& loaded, const std::string& text) {
    return told(loaded).find(text) != std::string::npos;
}

} // namespace

TEST_CASE("nesting beyond reason is refused, however it is written") {
    CHECK(mentions(load_text(repeated("a.", 500'000) + "a = 1\n"), "nested too deeply"));
    CHECK(mentions(load_text("[" + repeated("a . ", 200'000) + "a]\n"), "nested too deeply"));
    CHECK(mentions(load_text("a = " + repeated("[", 500'000)), "nested too deeply"));
    CHECK(mentions(load_text("a = " + repeated("{a=", 300'000)), "nested too deeply"));
    CHECK(mentions(load_text(repeated("\"a\".", 200'000) + "a = 1\n"), "nested too deeply"));
}

TEST_CASE("strings and comments may contain as many dots and brackets as they like") {
    const auto dots = repeated(".[{", 1000);
    const auto loaded =
        load_text("# " + dots + "\n[[process]]\nname = \"a\"\nmatch.comm = \"a\"\n" + "match.args = [\"" + dots
                  + "\", '" + dots + "', \"\"\"\"" + dots + "\n\\\"\"\"\"\"\", '''" + dots + "\n'''] # " + dots + "\n");
    CAPTURE(told(loaded));
    CHECK(loaded.ok());
}

TEST_CASE("a string cannot hide what comes behind it") {
    // After each of these the dots are dots again.
    for (const auto* string : {R"("\"")", "'\\'", "\"\"\"\"\"\"\"\"", "'''it's'''", R"("""\"""" )"}) {
        CAPTURE(string);
        CHECK(mentions(load_text("a = [" + std::string(string) + ", " + repeated("x.", 100) + "x]\n"),
                       "nested too deeply"));
    }
}

TEST_CASE("a chain of requires as long as the file is followed without a deep stack") {
    std::string text;
    for (int i = 0; i < 9000; ++i) {
        text += "[[process]]\nname = \"" + std::to_string(i) + "\"\nmatch.comm = \"a\"\nrequires = [\""
                + std::to_string((i + 1) % 9000) + "\"]\n";
    }
    const auto loaded = load_text(text);
    CHECK(mentions(loaded, "requires: a circle: 0 -> 1 -> 2 -> 3 -> 4 -> 5 -> 6 -> 7 -> (8992 more) -> 0"));
    CHECK_FALSE(loaded.ok());
}

TEST_CASE("the number of rules has a bound") {
    const auto loaded = load_text(repeated("[[process]]\n", 50'000));
    CHECK(loaded.spec.rules.size() == 10'000);
    CHECK(loaded.diagnostics.size() == 101);
}

TEST_CASE("a heavy [defaults] cannot be multiplied without bound") {
    const auto loaded = load_text("[defaults]\nmatch.args = [" + repeated("\"" + std::string(900, 'x') + "\",", 900)
                                  + "]\n" + repeated("[[process]]\nname=\"a\"\n", 5000));
    CHECK(loaded.spec.rules.size() < 100);
    CHECK(mentions(loaded, "too much to be inherited"));
}

TEST_CASE("an endless list of drop-ins has a bound") {
    Texts texts{{"/etc/nezuban/nezuban.toml", "include = [\"conf.d/*\"]\n"}};
    for (int i = 0; i < 1100; ++i) {
        texts["/etc/nezuban/conf.d/" + std::to_string(i)] = "";
    }
    CHECK(mentions(load_texts(texts), "include: more than 1000 files"));
}

TEST_CASE("drop-ins have a bound for all of them together") {
    Texts texts{{"/etc/nezuban/nezuban.toml", "include = [\"conf.d/*\"]\n"}};
    for (int i = 0; i < 17; ++i) {
        texts["/etc/nezuban/conf.d/" + std::to_string(i)] = std::string(longest_configuration, '#');
    }
    CHECK(mentions(load_texts(texts), "the included files have more than 16777216 bytes together"));
}

TEST_CASE("a hundred complaints are kept and the rest is counted") {
    const auto loaded = load_text("[[process]]\n" + repeated("", 1) + [] {
        std::string keys;
        for (int i = 0; i < 1000; ++i) {
            keys += "unknown" + std::to_string(i) + " = 1\n";
        }
        return keys;
    }());
    REQUIRE(loaded.diagnostics.size() == 101);
    CHECK(loaded.diagnostics.back().text == "and 902 more"); // neither a name nor a match key
    CHECK_FALSE(loaded.ok());
}

TEST_CASE("warnings give way to errors, and never hide them") {
    std::string text;
    for (int i = 0; i < 150; ++i) {
        text += "[[process]]\nname = \"" + std::to_string(i) + "\"\nmatch.unit = \"no-suffix\"\n";
    }
    const auto only_warnings = load_text(text);
    CHECK(only_warnings.ok());
    CHECK(only_warnings.diagnostics.size() == 101);
    CHECK(only_warnings.diagnostics.back().text == "and 50 more");
    const auto with_error = load_text(text + "[[process]]\nname = 5\nmatch.comm = \"a\"\n");
    CHECK_FALSE(with_error.ok());
    CHECK(mentions(with_error, "name: expected a string, found an integer"));
}

TEST_CASE("bytes that are no text are a located error") {
    CHECK(mentions(load_text("a = \"\xff\"\n"), ":1:"));
    CHECK_FALSE(load_text(std::string("a\0b", 3)).ok());
    for (const auto* text :
         {"[(", "[[(", "[", "[[", "a = [(", "a.(", "a = {(", "a = {b.(", "a = +", "a = 0x", "a = 1979-"}) {
        CAPTURE(text);
        CHECK_FALSE(load_text(text).ok());
    }
    for (const auto* key : {"socke\u040a", "\u3042", "\ufe70", "\u00e9"}) {
        CHECK_FALSE(load_text(std::string(key) + " = 1\n").ok());
        CHECK(load_text("[[process]]\nname = \"a\"\nmatch.args = [\"\"\"\\\n" + std::string(key) + "\"\"\"] # " + key)
                  .ok());
    }
    CHECK_FALSE(load_text("\xef\xbb\xbf[[process").ok());
}
