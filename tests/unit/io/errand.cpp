#include "io/errand.hpp"

#include "io/clock.hpp"

#include <stdexcept>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nezuban;
using namespace std::chrono_literals;

namespace {

constexpr Duration plenty = 20s;

} // namespace

TEST_CASE("an errand brings back all it was told, however much that is") {
    const std::string much(1'000'000, 'x');
    auto errand = Errand::send([&](const Errand::Say& say) {
        say(much);
        say("end");
    });
    REQUIRE(errand);
    const auto brought = errand->wait(monotonic_now() + plenty);
    CHECK(brought.whole);
    CHECK(brought.text.size() == much.size() + 3);
    CHECK(brought.text.ends_with("xend"));
}

TEST_CASE("an errand that has come back leaves no zombie") {
    const std::string memory(50'000'000, 'x'); // takes a while to be given back
    for (int turn = 0; turn < 50; ++turn) {
        {
            auto errand = Errand::send([&](const Errand::Say& say) { say(memory.substr(0, 1)); });
            REQUIRE(errand);
            CHECK(errand->wait(monotonic_now() + plenty).whole);
        }
        siginfo_t info{};
        const int left = ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
        CHECK((left < 0 || info.si_pid == 0));
    }
    CHECK(::waitpid(-1, nullptr, WNOHANG) < 0); // nor anybody who is about to become one
}

TEST_CASE("an errand that blocks for ever is left behind with what it had found until then") {
    auto errand = Errand::send([](const Errand::Say& say) {
        say("half");
        while (true)
            ::pause();
    });
    REQUIRE(errand);
    // What was said comes at once; for the rest nobody waits longer than asked.
    std::string text;
    for (const auto give_up = monotonic_now() + plenty; text.empty() && monotonic_now() < give_up;) {
        auto brought = errand->wait(monotonic_now() + 10ms);
        CHECK_FALSE(brought.whole);
        text += brought.text;
    }
    CHECK(text == "half");
}

TEST_CASE("an errand that fails brings back half a message, and says so") {
    auto errand = Errand::send([](const Errand::Say& say) {
        say("half");
        throw std::runtime_error("nothing to be found");
    });
    REQUIRE(errand);
    const auto brought = errand->wait(monotonic_now() + plenty);
    CHECK_FALSE(brought.whole);
    CHECK(brought.text == "half");
}

TEST_CASE("an errand that is to have none of our descriptors has none but its pipe") {
    const int kept = ::dup(0);
    REQUIRE(kept >= 0);
    auto errand = Errand::send(
        [kept](const Errand::Say& say) {
            say(::fcntl(kept, F_GETFD) < 0 && ::fcntl(2, F_GETFD) < 0 ? "none" : "some");
        },
        Errand::Descriptors::closed);
    ::close(kept);
    REQUIRE(errand);
    CHECK(errand->wait(monotonic_now() + plenty).text == "none");
}
