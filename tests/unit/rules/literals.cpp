#include "rules/literals.hpp"

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace nezuban;

namespace {

std::set<int> found_in(const std::string& text, const std::vector<std::string>& literals) {
    std::vector<int> found;
    Literals(literals).find(text, found);
    return {found.begin(), found.end()};
}

} // namespace

TEST_CASE("a literal is found wherever it stands, inside others and across them") {
    const std::vector<std::string> literals{"he", "she", "his", "hers", "s"};
    CHECK(found_in("ushers", literals) == std::set{0, 1, 3, 4});
    CHECK(found_in("hi", literals).empty());
    CHECK(found_in("", literals).empty());
    CHECK(found_in("anything", {}).empty());
    CHECK(found_in("x", {"", "x", "x"}) == std::set{0, 1, 2});
    CHECK(found_in(std::string("a\0\xff", 3), {std::string("\0\xff", 2)}) == std::set{0});
}

TEST_CASE("what is found is what searching for each would find") {
    std::mt19937 dice(1);
    const auto word = [&](std::size_t most) {
        std::string text;
        for (auto length = dice() % (most + 1); length > 0; --length)
            text += static_cast<char>('a' + dice() % 3);
        return text;
    };
    for (int round = 0; round < 300; ++round) {
        std::vector<std::string> literals;
        for (int i = 0; i < 20; ++i)
            literals.push_back(word(6));
        const auto text = word(40);
        std::set<int> expected;
        for (int i = 0; i < 20; ++i)
            if (text.contains(literals[static_cast<std::size_t>(i)])) expected.insert(i);
        REQUIRE(found_in(text, literals) == expected);
    }
}
