#include "core/incident.hpp"

#include <doctest/doctest.h>

using namespace nezuban;

TEST_CASE("every happening is found again by its name") {
    for (int index = 0; index <= static_cast<int>(Happening::reloaded); ++index) {
        const auto happening = static_cast<Happening>(index);
        CHECK(happening_named(name_of(happening)) == happening);
    }
    CHECK_FALSE(happening_named("birthday").has_value());
}
