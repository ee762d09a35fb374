#include "core/signal_names.hpp"

#include <doctest/doctest.h>

using namespace nezuban;

TEST_CASE("signals are told by name, real-time ones by their distance, others by number") {
    CHECK(signal_name(9) == "SIGKILL");
    CHECK(signal_name(1) == "SIGHUP");
    CHECK(signal_name(31) == "SIGSYS");
    CHECK(signal_name(40) == "SIGRTMIN+6");
    CHECK(signal_name(99) == "SIG99");
    CHECK(signal_name(0) == "SIG0");
}
