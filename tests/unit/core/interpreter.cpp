#include "core/interpreter.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace nezuban;

namespace {

// The script that the command reads; empty: none.
std::string script_of(const std::vector<std::string>& argv) {
    const auto at = script_in(argv);
    return at ? argv.at(*at) : "";
}

} // namespace

TEST_CASE("an interpreter's first argument is its script, when that is an absolute path") {
    CHECK(script_of({"/bin/sh", "/etc/x.sh", "/srv/data"}) == "/etc/x.sh");
    CHECK(script_of({"bash", "/etc/x.sh"}) == "/etc/x.sh");
    CHECK(script_of({"/usr/bin/python3", "/opt/x.py"}) == "/opt/x.py");
    CHECK(script_of({"/opt/venv/bin/python3.11", "/opt/x.py"}) == "/opt/x.py");
    CHECK(script_of({"/usr/bin/perl", "/opt/x.pl"}) == "/opt/x.pl");
    CHECK(script_of({"/bin/sh", "x.sh", "/srv/data"}).empty());
    CHECK(script_of({"/bin/sh"}).empty());
    CHECK(script_of({}).empty());
}

TEST_CASE("a program that is no interpreter has no script, whatever its arguments are") {
    CHECK(script_of({"/usr/bin/cp", "/srv/a", "/srv/b"}).empty());
    CHECK(script_of({"/usr/bin/runuser", "/home/app/start"}).empty());
    CHECK(script_of({"/usr/bin/shred", "/srv/a"}).empty());
    CHECK(script_of({"/opt/3", "/srv/a"}).empty());
}

TEST_CASE("options of an interpreter, and their values, stand before its script") {
    CHECK(script_of({"/bin/sh", "-eu", "/etc/x.sh"}) == "/etc/x.sh");
    CHECK(script_of({"/bin/bash", "-euo", "pipefail", "/etc/x.sh"}) == "/etc/x.sh");
    CHECK(script_of({"/bin/bash", "--norc", "--", "/etc/x.sh"}) == "/etc/x.sh");
    CHECK(script_of({"/bin/bash", "+e", "/etc/x.sh"}) == "/etc/x.sh");
    CHECK(script_of({"python3", "-W", "ignore", "-u", "/opt/x.py"}) == "/opt/x.py");
}

TEST_CASE("text that stands in the command itself needs no script, and its arguments are none") {
    CHECK(script_of({"/bin/sh", "-c", "cat $1", "sh", "/tmp/a"}).empty());
    CHECK(script_of({"/bin/sh", "-ec", "/etc/x.sh"}).empty());
    CHECK(script_of({"python3", "-m", "module", "/srv/data"}).empty());
    CHECK(script_of({"perl", "-ne", "print", "/srv/data"}).empty());
}
