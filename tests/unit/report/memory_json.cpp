#include "io/boot_id.hpp"
#include "report/history.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

using namespace nezuban;
using namespace nezuban::test;
using namespace std::chrono_literals;

namespace {

const ClockPair before{.monotonic = Time(5000s), .wall = WallTime(1'700'000'000s)};
const ClockPair after{.monotonic = Time(10s), .wall = WallTime(1'700'000'100s)};

RuleMemory full() {
    return {.rule = "scanner",
            .attempts = {Time(4000s), Time(4990s)},
            .streak = 2,
            .exhausted = true,
            .exhausted_reason = "because",
            .page_owed = true,
            .paused = true,
            .paused_until = Time(5200s),
            .plan = PlanMemory{.reason = "fewer than 1",
                               .attempt = 2,
                               .by_hand = true,
                               .consequence = true,
                               .started = true,
                               .token = "scanner-7",
                               .command = {.pid = 4711, .start_ns = 123'456'789}}};
}

struct Read {
    Result<RuleMemory> memory;
    std::vector<std::string> left_out;
};

Read read(const std::string& json) {
    std::vector<std::string> left_out;
    auto memory = from_stored({.rule = "scanner", .json = json}, before, "this boot", left_out);
    return {std::move(memory), std::move(left_out)};
}

// A history that was written by one boot and is read by another, or the same.
Memories through_history(const std::vector<StoredMemory>& stored, const ClockPair& clocks, const std::string& boot) {
    const TempDir scratch;
    auto history = History::open_for_writing(scratch / "history.db", 1UL << 20U).value();
    REQUIRE(history.write({}, stored));
    return history.load_memories(clocks, boot).value();
}

} // namespace

TEST_CASE("a memory comes back as it was, its plan included, in the same boot") {
    const auto memories = through_history({to_stored(full(), before, "this boot")}, before, "this boot");
    REQUIRE(memories.kept.size() == 1);
    CHECK(memories.kept[0] == full());
    CHECK(memories.left_out.empty());
}

TEST_CASE("memories come back on the clock of another boot, without the plan, whose processes are gone") {
    const auto memories = through_history({to_stored(full(), before, "that boot")}, after, "this boot");
    REQUIRE(memories.kept.size() == 1);
    auto expected = full();
    expected.attempts = {Time(-1090s), Time(-100s)};
    expected.paused_until = Time(110s);
    expected.plan.reset();
    CHECK(memories.kept[0] == expected);
    CHECK(memories.left_out.empty());
}

TEST_CASE("a date that was stepped meanwhile changes no memory of the same boot") {
    for (const auto step : {std::chrono::hours(-24 * 365), std::chrono::hours(24 * 365 * 10)}) {
        const ClockPair stepped{.monotonic = before.monotonic + 1s, .wall = before.wall + step};
        const auto memories = through_history({to_stored(full(), before, "this boot")}, stepped, "this boot");
        CHECK(memories.kept.at(0) == full());
        CHECK(memories.left_out.empty());
    }
}

TEST_CASE("attempts that a wrong date of another boot has put into the future count as made now, not for years") {
    const ClockPair earlier{.monotonic = Time(10s), .wall = before.wall - std::chrono::hours(24 * 365)};
    const auto memories = through_history({to_stored(full(), before, "that boot")}, earlier, "this boot");
    CHECK(memories.kept.at(0).attempts == std::vector{earlier.monotonic, earlier.monotonic});
}

TEST_CASE("a boot that nobody can name is not the same as another one") {
    std::vector<std::string> left_out;
    const auto memory = from_stored(to_stored(full(), before, ""), before, "", left_out);
    CHECK_FALSE(memory.value().plan);
}

TEST_CASE("a memory with nothing but a plan is kept, an empty one is forgotten") {
    const TempDir scratch;
    auto history = History::open_for_writing(scratch / "history.db", 1UL << 20U).value();
    RuleMemory only{.rule = "group/mail", .plan = PlanMemory{}};
    const std::vector kept{to_stored(only, before, "this boot")};
    REQUIRE(history.write({}, kept));
    const auto memories = history.load_memories(before, "this boot").value();
    REQUIRE(memories.kept.size() == 1);
    CHECK(memories.kept[0] == only);

    only.plan.reset();
    const std::vector nothing{to_stored(only, before, "this boot")};
    REQUIRE(history.write({}, nothing));
    CHECK(history.load_memories(before, "this boot").value().kept.empty());
}

TEST_CASE("a memory that was written before there were plans is read as before") {
    const auto [memory, left_out] = read(R"({"attempts":[1699999000000000000],"streak":1,"exhausted":false,
                                           "exhausted_reason":"","paused":false,"paused_until":null})");
    const RuleMemory expected{.rule = "scanner", .attempts = {Time(4000s)}, .streak = 1};
    CHECK(memory.value() == expected);
    CHECK(left_out.empty());
}

TEST_CASE("a part of a memory that is broken or unknown is left out and said, the others count") {
    struct Case {
        std::string json;
        std::string said;
    };
    const std::vector<Case> cases{
        {R"({"streak":3,"attempts":"many"})", "attempts"},
        {R"({"streak":3,"attempts":[1,9223372036854775808]})", "attempts"},
        {R"({"streak":3,"attempts":[-9223372036854775808]})", "attempts"},
        {R"({"streak":3,"exhausted":1})", "exhausted"},
        {R"({"streak":3,"exhausted_reason":null})", "exhausted_reason"},
        {R"({"streak":3,"page_owed":"yes"})", "page_owed"},
        {R"({"streak":3,"paused_until":1e30})", "paused_until"},
        {R"({"streak":3,"of the future":{}})", "of the future"},
        {R"({"streak":3,"clock":{"boot":"this boot","ahead_ns":1e30}})", "clock"},
        {R"({"streak":3,"clock":"slow"})", "clock"},
        {R"({"streak":3,"plan":"restart"})", "plan"},
        {R"({"streak":3,"plan":[]})", "plan"},
        {R"({"streak":3,"plan":{"boot":"this boot"}})", "plan"},
        {R"({"streak":3,"plan":{"boot":"this boot","reason":"r","attempt":-1,"by_hand":false,"consequence":false,
             "started":true,"token":"t"}})",
         "plan"},
        {R"({"streak":3,"plan":{"boot":"this boot","reason":"r","attempt":1,"by_hand":false,"consequence":false,
             "started":true,"token":"t","command":{"pid":4294967296,"start_ns":1}}})",
         "plan"},
    };
    for (const auto& each : cases) {
        CAPTURE(each.json);
        const auto [memory, left_out] = read(each.json);
        const RuleMemory expected{.rule = "scanner", .streak = 3};
        CHECK(memory.value() == expected);
        REQUIRE(left_out.size() == 1);
        CHECK(left_out[0].find("scanner") != std::string::npos);
        CHECK(left_out[0].find('"' + each.said + '"') != std::string::npos);
    }
    CHECK(read(R"({"streak":-1})").memory.value().streak == 0);
    CHECK(read(R"({"streak":4294967296})").memory.value().streak == 0);
}

TEST_CASE("a memory that is no JSON at all costs only itself") {
    for (const std::string json : {"{", "", "[1]", "null", "\xff"}) {
        CAPTURE(json);
        CHECK_FALSE(read(json).memory);
    }
    const auto memories =
        through_history({{.rule = "broken", .json = "{"}, to_stored(full(), before, "b")}, before, "b");
    REQUIRE(memories.kept.size() == 1);
    CHECK(memories.kept[0] == full());
    REQUIRE(memories.left_out.size() == 1);
    CHECK(memories.left_out[0].find("broken") != std::string::npos);
}

TEST_CASE("this boot has a name, the same whenever it is asked for") {
    CHECK(boot_id().size() == 36);
    CHECK(boot_id() == boot_id());
}
