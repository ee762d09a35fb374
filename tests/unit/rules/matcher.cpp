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

TEST_CASE("a kernel thread is matched by its comm or by all of its name, and by globs over either") {
    const auto fits = [](const std::string& glob, const std::string& comm, std::string_view name = {}) {
        const Process thread{.kernel_thread = true, .comm = comm, .name = name.empty() ? nullptr : text(name)};
        return matches({.comm = glob, .kernel_thread = true}, thread);
    };
    CHECK(fits("nfsd", "nfsd"));
    CHECK_FALSE(fits("nfsd", "nfsd4"));
    CHECK(fits("jbd2/sdb1-*", "jbd2/sdb1-8"));
    CHECK(fits("kworker/R-ext4-rsv-conversion", "kworker/R-ext4-", "kworker/R-ext4-rsv-conversion"));
    CHECK(fits("kworker/R-ext4-", "kworker/R-ext4-", "kworker/R-ext4-rsv-conversion"));
    CHECK_FALSE(fits("kworker/R-ext4-rsv-conversion", "kworker/R-ext4-"));
    CHECK(fits("kworker/*[-+]nfsd4*", "kworker/u8:2", "kworker/u8:2+nfsd4_callbacks"));
    CHECK_FALSE(fits("kworker/*[-+]nfsd4*", "kworker/u8:2", "kworker/u8:2-events_unbound"));
}

TEST_CASE("of which kernel threads more than their comm has to be known") {
    const auto possible = [](const std::string& glob, const std::string& comm) {
        return Matcher({.comm = glob, .kernel_thread = true}).possible({.kernel_thread = true, .comm = comm});
    };
    CHECK(possible("kworker/*-nfsd4*", "kworker/u8:2"));
    CHECK(possible("kworker/R-ext4-rsv*", "kworker/R-ext4-"));
    CHECK_FALSE(possible("kworker/R-ext4-rsv*", "kworker/R-xfs-c"));
    CHECK_FALSE(possible("nfsd", "kworker/u8:2"));
    CHECK_FALSE(possible("nfsd*", "lockd"));
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
