#include "core/tell.hpp"

#include "core/event.hpp"

#include <doctest/doctest.h>

using namespace nezuban;

TEST_CASE("a cause is a sentence") {
    CHECK(tell(Cause{}) == "is gone, nobody saw how");
    CHECK(tell(Cause{.exit_code = 3, .known = true}) == "exited with code 3");
    CHECK(tell(Cause{.signal = 6, .core = true, .known = true}) == "was killed by SIGABRT (core dumped)");
    CHECK(tell(Cause{.signal = 9, .known = true, .sender_pid = 7, .sender_signal = 15, .sender_comm = "sh"})
          == "was killed by SIGKILL after SIGTERM from sh (pid 7, uid 0)");
}

TEST_CASE("a duration is rounded for reading") {
    CHECK(tell(Duration(250ms)) == "250 ms");
    CHECK(tell(Duration(1500ms)) == "1.5 s");
    CHECK(tell(Duration(3min)) == "3 min");
    CHECK(tell(Duration(24h)) == "24.0 h");
}

TEST_CASE("the end of a command is a sentence") {
    CHECK(tell(CommandEnded{.exit_code = 4}) == "exited with code 4");
    CHECK(tell(CommandEnded{.signal = 15}) == "was killed by SIGTERM");
    CHECK(tell(CommandEnded{.signal = 9, .timed_out = true}) == "took too long and was ended");
    CHECK(tell(CommandEnded{.error = "no such file"}) == "could not be started: no such file");
}
