#include "app/catch_up.hpp"

#include <doctest/doctest.h>

using namespace nezuban;

TEST_CASE("an empty ring holds nothing from before") {
    CatchUp catch_up(3);
    catch_up.begin();
    CHECK_FALSE(catch_up.done(true));
    CHECK(catch_up.done(false));
}

TEST_CASE("a ring that is never empty is waited for until all that it can hold has been taken, each time anew") {
    CatchUp catch_up(3);
    for (int i = 0; i < 2; ++i) {
        catch_up.begin();
        CHECK_FALSE(catch_up.done(true));
        CHECK_FALSE(catch_up.done(true));
        CHECK_FALSE(catch_up.done(true));
        CHECK(catch_up.done(true));
    }
}
