#include "core/number.hpp"

#include <cstdint>

#include <doctest/doctest.h>

using namespace nezuban;

TEST_CASE("a text is a number only as a whole, and only when it fits") {
    CHECK(number_in<std::uint32_t>("4294967295") == 4294967295U);
    CHECK(number_in<std::uint32_t>("0") == 0U);
    CHECK(number_in<std::uint16_t>("ff", 16) == 255);
    for (const auto* text : {"", " 1", "1 ", "-1", "+1", "1x", "0x1", "4294967296"}) {
        CAPTURE(text);
        CHECK_FALSE(number_in<std::uint32_t>(text));
    }
}
