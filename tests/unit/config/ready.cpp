#include "config/hosts.hpp"
#include "in_memory.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace nezuban;
using namespace nezuban::test;

namespace {

const std::string scanner = "[[process]]\nname = \"scanner\"\nmatch.comm = \"scand\"\nrestart.command = [\"start\"]\n";

ReadySpec ready_of(const Loaded& loaded) {
    CAPTURE(told(loaded));
    REQUIRE(loaded.ok());
    return loaded.spec.rules.front().ready;
}

std::string told_of(const std::string& setting) {
    return told(load_text(scanner + setting + "\n"));
}

} // namespace

TEST_CASE("every kind of target that can be asked is taken as it was written") {
    for (const std::string target : {"127.0.0.1:5432", "[::1]:1", "localhost:65535", "db-1.example.org:5432", "db.:80",
                                     "unix:/run/postgresql/.s.PGSQL.5432", "[fe80::1:2]:80"}) {
        CAPTURE(target);
        const auto loaded = load_text(scanner + "ready.tcp = \"" + target + "\"\n");
        CHECK(ready_of(loaded).tcp == target);
        CHECK(loaded.diagnostics.empty());
    }
    for (const std::string url :
         {"http://127.0.0.1", "http://localhost:8080/health", "https://[::1]:8443/up?full=1&a=@b",
          "https://www.example.org/", "http://127.0.0.1?x"}) {
        CAPTURE(url);
        const auto loaded = load_text(scanner + "ready.http = \"" + url + "\"\n");
        CHECK(ready_of(loaded).http == url);
        CHECK(loaded.diagnostics.empty());
    }
    CHECK(ready_of(load_text(scanner + "ready.command = [\"pg_isready\", \"-q\"]\n")).command
          == Argv{"pg_isready", "-q"});
}

TEST_CASE("a target that nothing could ever answer at is refused") {
    for (const std::string target : {"",
                                     "x",
                                     ":",
                                     "[::1]",
                                     "[::1]80",
                                     "[::1:80",
                                     "[]:80",
                                     "a:b",
                                     "a:0",
                                     "a:080",
                                     "a:+80",
                                     "a: 80",
                                     "a:80 ",
                                     "-a:80",
                                     "a..b:80",
                                     "1.2.3:80",
                                     "1.2.3.256:80",
                                     "01.2.3.4:80",
                                     "1.2.3.4.5:80",
                                     "unix:",
                                     "unix:/",
                                     "a@b:80"}) {
        CAPTURE(target);
        CHECK_FALSE(load_text(scanner + "ready.tcp = \"" + target + "\"\n").ok());
    }
    CHECK_FALSE(load_text(scanner + "ready.tcp = \"unix:/" + std::string(107, 'x') + "\"\n").ok());
    for (const std::string url : {"", "http://", "https://:80/", "http://[::1", "http://a:0/", "http://a b/",
                                  "http://a/\\u00e4", "HTTP://a/", "//a/", "http://u@a/", "http://?x"}) {
        CAPTURE(url);
        CHECK_FALSE(load_text(scanner + "ready.http = \"" + url + "\"\n").ok());
    }
}

TEST_CASE("a password in a URL is not repeated where everybody can read it") {
    const auto said = told_of("ready.http = \"https://admin:secret@127.0.0.1/\"");
    CHECK(said.contains("user or a password"));
    CHECK_FALSE(said.contains("secret"));
}

TEST_CASE("addresses are told from names by their shape alone") {
    for (const auto* good :
         {"::", "::1", "1::", "1:2:3:4:5:6:7:8", "1::8", "fe80::a:B", "::ffff:1.2.3.4", "1:2:3:4:5:6:1.2.3.4"})
        CHECK_MESSAGE(is_ipv6(good), good);
    for (const auto* bad :
         {"", ":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "g::", ":1:2:3:4:5:6:7",
          "1:2:3:4:5:6:7:", "1.2.3.4", "1.2.3.4::", "::1.2.3", "1::2:3:4:5:6:7:8", "::1%lo"})
        CHECK_MESSAGE(!is_ipv6(bad), bad);
    for (const auto* good : {"0.0.0.0", "255.255.255.255", "10.0.0.1"})
        CHECK_MESSAGE(is_ipv4(good), good);
    for (const auto* bad : {"", ".", "1", "1.2.3", "1.2.3.4.", ".1.2.3.4", "1..3.4", "256.1.1.1", "1.2.3.0x4"})
        CHECK_MESSAGE(!is_ipv4(bad), bad);
    CHECK(is_host_name(std::string(63, 'a')));
    CHECK_FALSE(is_host_name(std::string(64, 'a')));
}

TEST_CASE("a rule's own way of being ready stands instead of the inherited one") {
    // given defaults with one way, and a pace
    const std::string defaults = "[defaults]\nready.tcp = \"127.0.0.1:80\"\nready.every = \"3s\"\n";
    // when a rule names another way, and another one nothing
    const auto loaded = load_text(defaults + scanner + "ready.http = \"http://127.0.0.1/\"\n"
                                  + "[[process]]\nname = \"other\"\nmatch.comm = \"other\"\n");
    // then each has one
    const auto own = ready_of(loaded);
    CHECK(own.http == "http://127.0.0.1/");
    CHECK(own.tcp.empty());
    CHECK(own.every == 3s);
    CHECK(loaded.spec.rules.at(1).ready.tcp == "127.0.0.1:80");
    // and what is inherited where nothing is ever restarted does no harm
    CHECK(loaded.diagnostics.empty());
}

TEST_CASE("a rule in two groups is an error that names both places") {
    const auto loaded = load_text(scanner + "[[group]]\nname = \"a\"\nmembers = [\"scanner\"]\n"
                                  + "[[group]]\nname = \"b\"\nmembers = [\"scanner\"]\n");
    CHECK_FALSE(loaded.ok());
    CHECK(told(loaded).contains(":10:12: error: group \"b\": \"scanner\" is in group \"a\" already"));
    CHECK(told(loaded).contains(":7:12; a rule is a member of one group"));
}

TEST_CASE("members that require each other by way of a third rule are in order") {
    const std::string third =
        "[[process]]\nname = \"cache\"\nmatch.comm = \"c\"\nrequires = [\"db\"]\nrestart.command = [\"c\"]\n"
        "[[process]]\nname = \"db\"\nmatch.comm = \"d\"\nrestart.command = [\"d\"]\n";
    const std::string group = "[[group]]\nname = \"g\"\nmembers = [\"scanner\", \"db\"]\n";
    CHECK(load_text(scanner + "requires = [\"cache\"]\n" + third + group).diagnostics.empty());
    CHECK(told(load_text(scanner + third + group)).contains("no member requires another"));
}
