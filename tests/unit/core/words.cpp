#include "core/words.hpp"

#include "core/json_words.hpp"

#include <array>

#include <doctest/doctest.h>

using namespace nezuban;

TEST_CASE("the nearest word is the one that was probably meant") {
    constexpr std::array<std::string_view, 4> words{"match", "count", "restart", "requires"};
    CHECK(nearest("mach", words) == "match");
    CHECK(nearest("cuont", words) == "count");
    CHECK(nearest("restrat", words) == "restart");
    CHECK(nearest("require", words) == "requires");
    CHECK(nearest("match", words) == "match");
    CHECK(nearest("colour", words).empty());
    CHECK(nearest("", words).empty());
    CHECK(nearest(std::string(100'000, 'x'), words).empty());
}

TEST_CASE("what is shown can neither move a cursor nor fill a screen") {
    CHECK(printable("a\x1b[2J\n\x7f") == "a\\x1b[2J\\x0a\\x7f");
    CHECK(printable("a\xc2\x9b"
                    "31mb")
          == "a\\xc2\\x9b31mb"); // CSI without ESC
    CHECK(printable("a\x9b"
                    "31m\xff")
          == "a\\x9b31m\\xff");
    CHECK(printable("a\u202eb\u2066") == "a\\xe2\\x80\\xaeb\\xe2\\x81\\xa6");
    CHECK(printable("é番\U0001f600") == "é番\U0001f600");
    CHECK(printable("\xff\xc0\x80\xe7\x95") == "\\xff\\xc0\\x80\\xe7\\x95");
    CHECK(printable("\xed\xa0\x80\xf4\x90\x80\x80\xf0\x9f\xa6z").find_first_not_of("\\x0123456789abcdefz")
          == std::string::npos);
    CHECK(harmless("a\x1b[2J\n\xc2\x9b番\xff", '?') == "a?[2J??番?");
    CHECK(beginning("ab番c", 4) == "ab");
    CHECK(beginning("ab番c", 5) == "ab番");
    CHECK(beginning("ab番c", 6) == "ab番c");
    CHECK(quoted("寝ずの番") == "\"寝ずの番\"");
    CHECK(quoted(std::string(59, 'a') + "番人") == "\"" + std::string(59, 'a') + "…\"");
    CHECK(quoted(std::string(10'000, '\xbf')).size() < 20); // no beginning of a character anywhere
}

TEST_CASE("a hint is hung on in brackets, and nothing leaves nothing") {
    CHECK(in_brackets("did you mean \"status\"?") == " (did you mean \"status\"?)");
    CHECK(in_brackets("").empty());
}

TEST_CASE("one is not many") {
    CHECK(counted(0, "rule") == "0 rules");
    CHECK(counted(1, "rule") == "1 rule");
    CHECK(counted(2, "rule") == "2 rules");
}

TEST_CASE("JSON keeps its value, and nothing in it moves a cursor") {
    CHECK(harmless_json(R"({"a": "b\u001b", "…": [1]})") == R"({"a": "b\u001b", "…": [1]})");
    CHECK(harmless_json("{\"comm\":\"\xC2\x9B"
                        "31m\"}")
          == R"({"comm":"\u009b31m"})");
    CHECK(harmless_json("[\"\x7F\",\"\xE2\x80\xAE\"]") == R"(["\u007f","\u202e"])");
}
