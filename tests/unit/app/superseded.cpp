#include "app/superseded.hpp"

#include <vector>

#include <doctest/doctest.h>

using namespace nezuban;

namespace {

Intent remember(const char* rule) {
    return Remember{{.rule = rule, .attempts = {}, .exhausted_reason = {}}};
}

} // namespace

TEST_CASE("of two memories of a rule with nothing done in between, the last one is enough") {
    Intents intents;
    intents.push_back(Report{});
    intents.push_back(remember("db"));
    intents.push_back(Report{});
    intents.push_back(remember("db"));
    intents.push_back(RunCommand{});
    CHECK(superseded(intents) == std::vector<bool>{false, true, false, false, false});
}

TEST_CASE("what is remembered before a command or a signal is remembered before it, whatever comes after") {
    Intents intents;
    intents.push_back(remember("db"));
    intents.push_back(RunCommand{});
    intents.push_back(remember("db"));
    intents.push_back(Signal{});
    intents.push_back(remember("db"));
    CHECK(superseded(intents) == std::vector<bool>{false, false, false, false, false});
}

TEST_CASE("another rule's memory replaces nothing") {
    Intents intents;
    intents.push_back(remember("db"));
    intents.push_back(remember("web"));
    intents.push_back(remember("db"));
    CHECK(superseded(intents) == std::vector<bool>{true, false, false});
}
