#include "rules/glob.hpp"

#include <doctest/doctest.h>
#include <re2/re2.h>

using namespace nezuban;

namespace {

bool fits(const char* glob, const char* path) {
    return re2::RE2::FullMatch(path, expression_of_glob(glob));
}

} // namespace

TEST_CASE("a star and a question mark stop at a slash, two stars do not") {
    CHECK(fits("/opt/*/scand", "/opt/mail/scand"));
    CHECK_FALSE(fits("/opt/*/scand", "/opt/mail/bin/scand"));
    CHECK(fits("/opt/**/scand", "/opt/mail/bin/scand"));
    CHECK(fits("/opt/scan?", "/opt/scand"));
    CHECK_FALSE(fits("/opt?scand", "/opt/scand"));
    CHECK(fits("/opt/**", "/opt/a/b/c"));
    CHECK(fits("*", ""));
}

TEST_CASE("a glob is the whole path, not a part of it") {
    CHECK_FALSE(fits("/opt/scand", "/opt/scand2"));
    CHECK_FALSE(fits("/opt/scand", "/mnt/opt/scand"));
}

TEST_CASE("where a slash divides nothing, it is a character like others") {
    const auto fits_name = [](std::string_view glob, std::string_view name) {
        return re2::RE2::FullMatch(std::string(name), expression_of_glob(glob, Slash::is_plain));
    };
    CHECK(fits_name("kworker/*[-+]xfs*", "kworker/0:2+xfs-sync/dm-1"));
    CHECK(fits_name("kworker?0:2", "kworker/0:2"));
    CHECK(fits_name("a[!b]c", "a/c"));
    CHECK_FALSE(fits_name("kworker/*-xfs*", "kworker/0:2+xfs-sync/dm-1"));
}

TEST_CASE("how all that matches begins is known up to the first special character") {
    CHECK(literal_beginning("nfsd") == "nfsd");
    CHECK(literal_beginning("kworker/*-nfsd4*") == "kworker/");
    CHECK(literal_beginning("[nk]*") == "");
    CHECK(literal_beginning(R"(a\*b)") == "a");
}

TEST_CASE("what is special in an expression is a character like others in a glob") {
    CHECK(fits("/opt/a.b+(c)|$^{2}", "/opt/a.b+(c)|$^{2}"));
    CHECK_FALSE(fits("/opt/a.b", "/opt/aXb"));
}

TEST_CASE("a set holds its members and ranges, or all but them and the slash") {
    CHECK(fits("worker[0-9]", "worker7"));
    CHECK_FALSE(fits("worker[0-9]", "workerx"));
    CHECK(fits("worker[!0-9]", "workerx"));
    CHECK_FALSE(fits("worker[!0-9]", "worker7"));
    CHECK_FALSE(fits("worker[!0-9]x", "worker/x"));
    CHECK(fits("[]x]", "]"));
    CHECK(fits("[]x]", "x"));
    CHECK(fits("[[]", "["));
    CHECK(fits("a[b^]", "a^"));
}

TEST_CASE("an unclosed set stands for itself, a backslash takes away what a character means") {
    CHECK(fits("a[b", "a[b"));
    CHECK(fits("a[!b", "a[!b"));
    CHECK(fits(R"(a\*b)", "a*b"));
    CHECK_FALSE(fits(R"(a\*b)", "aXb"));
    CHECK(fits(R"(a\)", R"(a\)"));
}
