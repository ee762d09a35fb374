#include "io/loop.hpp"

#include "io/clock.hpp"
#include "io/unix_socket.hpp"

#include <vector>

#include <doctest/doctest.h>

using namespace nezuban;
using namespace std::chrono_literals;

namespace {

struct Pair {
    Pair() {
        auto ends = socket_pair().value();
        a = std::move(ends.first);
        b = std::move(ends.second);
    }
    void poke() const {
        CHECK(write_some(b.get(), "x").bytes == 1);
    }
    Fd a;
    Fd b;
};

} // namespace

TEST_CASE("the loop calls whoever's descriptor is ready, and not the others") {
    auto loop = Loop::create().value();
    Pair one;
    Pair other;
    int called = 0;
    REQUIRE(loop.watch(one.a.get(), ready::in, [&](std::uint32_t events) {
        ++called;
        CHECK((events & ready::in) != 0);
    }));
    REQUIRE(loop.watch(other.a.get(), ready::in, [](std::uint32_t) { FAIL("nothing is there"); }));
    one.poke();
    REQUIRE(loop.step(std::nullopt));
    CHECK(called == 1);
}

TEST_CASE("a deadline ends the wait, also one long past, and again after it was used up") {
    auto loop = Loop::create().value();
    REQUIRE(loop.step(Time{}));
    auto soon = monotonic_now() + 5ms;
    while (monotonic_now() < soon)
        REQUIRE(loop.step(soon));
    REQUIRE(loop.step(soon));
    REQUIRE(loop.step(soon - 1ms));
}

TEST_CASE("a deadline may move and go while the loop runs") {
    auto loop = Loop::create().value();
    Pair pair;
    pair.poke();
    int called = 0;
    REQUIRE(loop.watch(pair.a.get(), ready::in, [&](std::uint32_t) { ++called; }));
    REQUIRE(loop.step(monotonic_now() + 1h));
    REQUIRE(loop.step(std::nullopt));
    CHECK(called == 2);
    loop.forget(pair.a.get());
    REQUIRE(loop.step(monotonic_now() + 1ms));
}

TEST_CASE("a callback may forget itself and others that are ready in the same step") {
    auto loop = Loop::create().value();
    std::vector<Pair> pairs(5);
    int called = 0;
    for (auto& pair : pairs) {
        pair.poke();
        // The big capture makes a use after its own destruction visible to the sanitizer.
        REQUIRE(loop.watch(pair.a.get(), ready::in, [&, ballast = std::string(100, 'x')](std::uint32_t) {
            for (auto& each : pairs)
                loop.forget(each.a.get());
            called += static_cast<int>(ballast.size());
        }));
    }
    REQUIRE(loop.step(std::nullopt));
    CHECK(called == 100);
}

TEST_CASE("an event of a closed descriptor doesn't reach the next owner of its number") {
    auto loop = Loop::create().value();
    Pair one;
    Pair two;
    std::vector<Pair> later;
    bool wrong = false;
    auto replace = [&](std::uint32_t) {
        if (!later.empty()) return;
        for (auto* pair : {&one, &two})
            loop.forget(pair->a.get());
        one.a.reset();
        two.a.reset();
        later.resize(2); // takes the numbers just freed
        for (auto& pair : later) {
            CHECK(loop.watch(pair.a.get(), ready::in, [&](std::uint32_t) { wrong = true; }));
        }
    };
    for (auto* pair : {&one, &two}) {
        pair->poke();
        REQUIRE(loop.watch(pair->a.get(), ready::in, replace));
    }
    REQUIRE(loop.step(std::nullopt));
    CHECK_FALSE(wrong);
}

TEST_CASE("what is waited for can be changed, and is known only while watched") {
    auto loop = Loop::create().value();
    Pair pair;
    std::uint32_t seen = 0;
    REQUIRE(loop.watch(pair.a.get(), ready::in, [&](std::uint32_t events) { seen = events; }));
    REQUIRE(loop.modify(pair.a.get(), ready::out));
    REQUIRE(loop.step(std::nullopt));
    CHECK(seen == ready::out);
    loop.forget(pair.a.get());
    CHECK_FALSE(loop.modify(pair.a.get(), ready::in));
    loop.forget(pair.a.get());
}

TEST_CASE("who asks for nothing is told nothing, not even that the other side is gone, until he asks again") {
    Loop loop = Loop::create().value();
    Pair pair;
    std::uint32_t seen = 0;
    REQUIRE(loop.watch(pair.a.get(), ready::in, [&](std::uint32_t events) { seen = events; }));
    REQUIRE(loop.modify(pair.a.get(), 0));
    pair.b.reset();
    REQUIRE(loop.step(monotonic_now()));
    CHECK(seen == 0);
    REQUIRE(loop.modify(pair.a.get(), ready::in));
    REQUIRE(loop.step(std::nullopt));
    CHECK((seen & ready::hangup) != 0);
    REQUIRE(loop.modify(pair.a.get(), 0));
    loop.forget(pair.a.get());
}
