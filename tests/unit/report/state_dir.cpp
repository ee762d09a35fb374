#include "report/state_dir.hpp"

#include "io/alterable.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <string>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nezuban;
using namespace nezuban::test;
using namespace std::chrono_literals;

TEST_CASE("the state directory is one daemon's, until its scribe has written the last word") {
    TempDir scratch;
    auto path = scratch / "state";
    auto first = open_state_dir(path, 0s).value();
    CHECK(first.history_path() == path + "/history.db");
    CHECK((std::filesystem::status(path).permissions() & std::filesystem::perms::others_all)
          == std::filesystem::perms::none);
    auto second = open_state_dir(path, 0s);
    REQUIRE_FALSE(second);
    CHECK(second.error().number == EWOULDBLOCK);
    CHECK(second.error().text.find("process " + std::to_string(::getpid())) != std::string::npos);

    auto in_scribe = first.lock.duplicate();
    first.lock.reset();
    CHECK_FALSE(open_state_dir(path, 0s));
    in_scribe.reset();
    CHECK(open_state_dir(path, 0s));
    CHECK_FALSE(open_state_dir("/proc/nowhere", 0s));
}

TEST_CASE("root takes no state directory into which somebody else could put, or has put, something") {
    if (::geteuid() != 0) SKIP("only root has something to lose");
    if (insiders().everybody) SKIP("everybody may replace the program here: nobody is a stranger");
    const TempDir dir;
    const auto path = dir.file("state");
    const auto refusal = [&] {
        const auto opened = open_state_dir(path, 0ms);
        return opened ? std::string("none") : opened.error().text;
    };
    REQUIRE(::mkdir(path.c_str(), 0700) == 0);
    REQUIRE(::chmod(path.c_str(), 0777) == 0);
    CHECK(refusal()
          == "claiming the state directory: " + path + " could be altered by others: " + path
                 + " may be written by everybody (mode 0777) (hint: chmod go-w " + path + ")");
    REQUIRE(::chmod(path.c_str(), 01777) == 0);
    CHECK(refusal() == "none");
    REQUIRE(::chown((path + "/lock").c_str(), 54321, 0) == 0);
    CHECK(refusal().find("/lock belongs to uid 54321") != std::string::npos);
    REQUIRE(::unlink((path + "/lock").c_str()) == 0);
    REQUIRE(::symlink("/etc/passwd", (path + "/lock").c_str()) == 0);
    CHECK(refusal() == "claiming the state directory: " + path + "/lock is a link");
    REQUIRE(::unlink((path + "/lock").c_str()) == 0);
    REQUIRE(::chmod(path.c_str(), 0755) == 0);
    CHECK(refusal() == "none");
    REQUIRE(::chown(path.c_str(), 54321, 0) == 0);
    CHECK(refusal().find(path + " belongs to uid 54321") != std::string::npos);
}

TEST_CASE("the scribe of a daemon that is dead is waited for, and named as what it is") {
    const TempDir scratch;
    const auto path = scratch / "state";
    int ends[2]; // NOLINT(modernize-avoid-c-arrays)
    REQUIRE(::pipe(ends) == 0);
    // given: a daemon that took the directory, has left its lock to a scribe, and is dead
    const auto daemon = ::fork();
    if (daemon == 0) {
        const auto taken = open_state_dir(path, 0s);
        const auto scribe = taken ? ::fork() : -1;
        if (scribe == 0) {
            ::close(ends[0]);
            for (;;)
                ::pause();
        }
        (void)!::write(ends[1], &scribe, sizeof scribe);
        ::_exit(0);
    }
    pid_t scribe = -1;
    REQUIRE(::read(ends[0], &scribe, sizeof scribe) == sizeof scribe);
    ::close(ends[0]);
    ::close(ends[1]);
    ::waitpid(daemon, nullptr, 0);
    REQUIRE(scribe > 0);

    const auto refused = open_state_dir(path, 0s, 0s);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().number == EWOULDBLOCK);
    CHECK(refused.error().text.find("scribe of the daemon that was process " + std::to_string(daemon))
          != std::string::npos);
    ::kill(scribe, SIGKILL);
    CHECK(open_state_dir(path, 0s, 1min));
}
