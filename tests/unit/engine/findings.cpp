#include "engine/findings.hpp"

#include <string>

#include <doctest/doctest.h>

using namespace nezuban;
using namespace std::chrono_literals;

namespace {

const Identity scanner{.pid = 10, .start_ns = 1};
const Identity store{.pid = 20, .start_ns = 2};

Finding finding(std::string key, const Identity& process, Time since, bool restartable = true) {
    return {.process = process, .since = since, .key = std::move(key), .restartable = restartable};
}

std::string key_of(const Finding* finding) {
    return finding == nullptr ? "none" : finding->key;
}

} // namespace

TEST_CASE("the oldest finding, and the oldest that may be acted on, are known whatever comes and goes") {
    Findings findings;
    CHECK(key_of(findings.oldest()) == "none");

    findings.add(finding("b", scanner, Time(3s)));
    findings.add(finding("a", store, Time(2s), false));
    findings.add(finding("c", store, Time(3s)));
    CHECK(key_of(findings.oldest()) == "a");
    CHECK(key_of(findings.oldest_restartable()) == "b");

    CHECK(findings.take("a"));
    CHECK(findings.take("b"));
    CHECK_FALSE(findings.take("b"));
    CHECK(key_of(findings.oldest()) == "c");
    CHECK(key_of(findings.oldest_restartable()) == "c");

    CHECK(findings.take_all().size() == 1);
    CHECK(findings.empty());
    CHECK(key_of(findings.oldest_restartable()) == "none");
}

TEST_CASE("a process has its own findings and nobody else's") {
    Findings findings;
    for (const char* key : {"x", "y"})
        findings.add(finding(key, scanner, Time(1s)));
    findings.add(finding("z", store, Time(1s)));

    CHECK(findings.of(scanner).size() == 2);
    CHECK(findings.of(Identity{.pid = 10, .start_ns = 7}).empty());

    findings.take("x");
    REQUIRE(findings.of(scanner).size() == 1);
    CHECK(key_of(findings.of(scanner).front()) == "y");
    CHECK(findings.of(store).size() == 1);
}

TEST_CASE("a finding that is there already stays as it was") {
    Findings findings;
    findings.add(finding("x", scanner, Time(1s)));
    findings.add(finding("x", store, Time(2s)));

    CHECK(findings.size() == 1);
    CHECK(findings.oldest()->since == Time(1s));
    CHECK(findings.of(store).empty());
}
