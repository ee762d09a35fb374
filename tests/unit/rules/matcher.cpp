#include "rules/matcher.hpp"

#include <string_view>

#include <doctest/doctest.h>

using namespace nezuban;

namespace {

using namespace std::string_view_literals;

Text text(std::string_view value) {
    return std::make_shared<const std::string>(value);
}

Process scanner() {
    return {.id = {.pid = 10, .start_ns = 1},
            .ppid = 1,
            .uid = 110,
            .gid = 120,
            .comm = "scand",
            .exe = text("/opt/mailsec/bin/scand"),
            .args = text("scand\0--queue\0in bound\0--level=3\0"sv),
            .cgroups = text("/docker/abc\n/system.slice/mailsec.service/worker\n/")};
}

bool matches(MatchSpec spec, const Process& process = scanner()) {
    return Matcher(std::move(spec)).matches(process);
}

} // namespace

TEST_CASE("all given keys must hold") {
    CHECK(matches({.comm = "scand", .exe = "/opt/**/scand", .user = Principal{"mail", 110}}));
    CHECK_FALSE(matches({.comm = "scand", .exe = "/usr/**/scand"}));
    CHECK_FALSE(matches({.comm = "scan", .exe = "/opt/**/scand"}));
}

TEST_CASE("each wanted argument is one of the arguments, whole") {
    CHECK(matches({.args = {"--queue", "in bound"}}));
    CHECK(matches({.args = {"--level=3", "scand"}}));
    CHECK_FALSE(matches({.args = {"--level"}}));
    CHECK_FALSE(matches({.args = {"--queue", "out"}}));
    CHECK_FALSE(matches({.args = {"in"}}));

    auto process = scanner();
    process.args = text("scand\0\0--last"sv); // an empty one, and one that a program overwrote the end of
    CHECK(matches({.args = {""}}, process));
    CHECK(matches({.args = {"--last"}}, process));
}

TEST_CASE("the expression is searched in the arguments joined by blanks") {
    CHECK(matches({.args_regex = "--queue in"}));
    CHECK(matches({.args_regex = "^scand .*--level=[0-9]$"}));
    CHECK_FALSE(matches({.args_regex = "--queue=in"}));
    CHECK_FALSE(matches({.args = {"--other"}, .args_regex = "--queue"}));
}

TEST_CASE("arguments are bytes, and need not be text") {
    auto process = scanner();
    process.args = text("scand\0\xff\xfe\n--late\0"sv);
    CHECK(matches({.args_regex = "scand .*--late"}, process));
    CHECK(matches({.args = {"\xff\xfe\n--late"}}, process));
}

TEST_CASE("what is not known does not match, and says that it would have to be") {
    auto process = scanner();
    process.exe = process.args = process.cgroups = nullptr;
    CHECK_FALSE(matches({.exe = "**"}, process));
    CHECK_FALSE(matches({.args = {"scand"}}, process));
    CHECK_FALSE(matches({.args_regex = ""}, process));
    CHECK_FALSE(matches({.cgroup = "**"}, process));
    CHECK_FALSE(matches({.unit = "mailsec.service"}, process));
    CHECK(matches({.comm = "scand"}, process));

    CHECK(Matcher({.comm = "scand"}).needs() == Needs{});
    CHECK(Matcher({.exe = "/a"}).needs() == Needs{.exe = true});
    CHECK(Matcher({.args_regex = "a"}).needs() == Needs{.args = true});
    CHECK(Matcher({.unit = "a.service"}).needs() == Needs{.cgroups = true});
    CHECK(Matcher({.comm = "scand", .exe = "/a"}).possible(process));
    CHECK_FALSE(Matcher({.comm = "other", .exe = "/a"}).possible(process));
}

TEST_CASE("user and group are the effective ids") {
    CHECK(matches({.user = Principal{"mail", 110}, .group = Principal{"mail", 120}}));
    CHECK_FALSE(matches({.user = Principal{"mail", 120}}));
    CHECK_FALSE(matches({.group = Principal{"mail", 110}}));
}

TEST_CASE("kernel threads belong to rules for kernel threads, and to no others") {
    auto thread = scanner();
    thread.kernel_thread = true;
    CHECK(matches({.comm = "scand", .kernel_thread = true}, thread));
    CHECK_FALSE(matches({.comm = "scand"}, thread));
    CHECK_FALSE(matches({.any = true}, thread));
    CHECK_FALSE(matches({.comm = "scand", .kernel_thread = true}));
    CHECK(matches({.any = true}));
}

TEST_CASE("a unit is a whole component of any cgroup path") {
    CHECK(matches({.unit = "mailsec.service"}));
    CHECK(matches({.unit = "system.slice"}));
    CHECK_FALSE(matches({.unit = "mailsec"}));
    CHECK_FALSE(matches({.unit = "sec.service"}));
    CHECK_FALSE(matches({.unit = "slice/mailsec.service"}));
}

TEST_CASE("a cgroup glob is the whole of any one path") {
    CHECK(matches({.cgroup = "/docker/*"}));
    CHECK(matches({.cgroup = "/system.slice/mailsec.service/**"}));
    CHECK(matches({.cgroup = "/"}));
    CHECK_FALSE(matches({.cgroup = "/system.slice/mailsec.service"}));
    CHECK_FALSE(matches({.cgroup = "/docker/abc\n*"}));
}

TEST_CASE("a unit and a cgroup must both hold") {
    CHECK(matches({.cgroup = "/docker/*", .unit = "mailsec.service"}));
    CHECK_FALSE(matches({.cgroup = "/podman/*", .unit = "mailsec.service"}));
    CHECK_FALSE(matches({.cgroup = "/docker/*", .unit = "other.service"}));
}

TEST_CASE("an expression that does not compile matches nothing") {
    CHECK_FALSE(matches({.args_regex = "("}));
    CHECK_FALSE(matches({.exe = "[z-a]"}));
}
