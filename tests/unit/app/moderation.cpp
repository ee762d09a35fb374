#include "app/moderation.hpp"

#include <vector>

#include <doctest/doctest.h>

using namespace nezuban;
using namespace std::chrono_literals;

namespace {

constexpr Time start{1h};

Look look(Time at, int births, int execs, int ends) {
    Look look{.at = at};
    for (int i = 0; i < births; ++i)
        look.saw(Forked{});
    for (int i = 0; i < execs; ++i)
        look.saw(Execed{});
    for (int i = 0; i < ends; ++i)
        look.saw(Exited{});
    return look;
}

// Records that come one by one, each waking us: how many were looked at before they were left alone.
int woken_by(Moderation& moderation, Duration apart, const std::vector<Event>& records, int most) {
    for (int i = 0; i < most; ++i) {
        Look one{.at = start + i * apart};
        one.saw(records[static_cast<std::size_t>(i) % records.size()]);
        if (moderation.after(one)) return i + 1;
    }
    return most;
}

const std::vector<Event> life{Forked{}, Execed{}, Exited{}};

} // namespace

TEST_CASE("a single death is told at once, and so is what follows it") {
    Moderation moderation;
    CHECK_FALSE(moderation.after(look(start, 0, 0, 1)));
    CHECK_FALSE(moderation.after(look(start + 1ms, 1, 0, 0)));
    CHECK_FALSE(moderation.after(look(start + 2ms, 0, 1, 0)));
}

TEST_CASE("on a host where hundreds of processes come and go in a second, each record is told at once") {
    Moderation moderation;
    CHECK(woken_by(moderation, 600us, life, 3000) == 3000);
}

TEST_CASE("where thousands come and go, records gather for the time that is promised, and no longer") {
    Moderation moderation;
    const int woken = woken_by(moderation, 100us, life, 3000);
    CHECK(woken < 2 * static_cast<int>(Moderation::many));

    const auto at = start + 1s;
    const auto next = moderation.after(look(at, 14, 14, 14));
    REQUIRE(next.has_value());
    CHECK(*next == at + Moderation::rest);
}

TEST_CASE("when a look finds few, the next record wakes again") {
    Moderation moderation;
    REQUIRE(moderation.after(look(start, 14, 14, 14)).has_value());
    CHECK_FALSE(moderation.after(look(start + Moderation::rest, 1, 1, 1)));
    CHECK_FALSE(moderation.after(look(start + 2 * Moderation::rest, 0, 0, 0)));
}

TEST_CASE("a storm is told record by record: those who are born stay, so each is one more") {
    Moderation moderation;
    CHECK(woken_by(moderation, 100us, {Forked{}}, 3000) == 3000);
    CHECK(woken_by(moderation, 100us, {Forked{}, Execed{}}, 3000) == 3000);
}

TEST_CASE("a fall of many is told death by death") {
    Moderation moderation;
    CHECK(woken_by(moderation, 100us, {Exited{}}, 3000) == 3000);
}

TEST_CASE("where a rule has something to do, nothing waits, nor what comes a moment later") {
    Moderation moderation;
    auto first = look(start, 14, 14, 14);
    first.mattered = true;
    CHECK_FALSE(moderation.after(first));
    CHECK_FALSE(moderation.after(look(start + 1ms, 14, 14, 14)));
    CHECK_FALSE(moderation.after(look(start + Moderation::prompt - 1us, 14, 14, 14)));
    CHECK(moderation.after(look(start + Moderation::prompt, 14, 14, 14)).has_value());
}

TEST_CASE("what comparisons tell is no record") {
    Moderation moderation;
    Look pass{.at = start};
    for (int i = 0; i < 1000; ++i)
        pass.saw(SnapshotTask{});
    CHECK(pass.found == 0);
    CHECK_FALSE(moderation.after(pass));
}
