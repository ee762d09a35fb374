#include "io/files.hpp"

#include "io/clock.hpp"
#include "io/errand.hpp"
#include "io/privileges.hpp"
#include "spawning.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"

#include <cerrno>
#include <csignal>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace nezuban;
using namespace nezuban::test;
using namespace std::chrono_literals;

TEST_CASE("a file is read whole, or not at all") {
    TempDir scratch;
    auto path = scratch.write("file", std::string(100'000, 'x'));
    CHECK(read_file(path, 100'000).value().size() == 100'000);
    CHECK(read_file(path, 99'999).error().number == EFBIG);
    CHECK(read_file(scratch / "none", 1).error().text.starts_with("opening " + (scratch / "none")));
    CHECK(read_file(scratch / ".", 1).error().number == EISDIR);
    ::mkfifo((scratch / "fifo").c_str(), 0600);
    CHECK(read_file(scratch / "fifo", 1).error().number == EINVAL);
}

TEST_CASE("a glob gives what exists, sorted") {
    TempDir scratch;
    auto b = scratch.write("b.toml", "");
    auto a = scratch.write("a.toml", "");
    scratch.write("c.txt", "");
    CHECK(expand_glob(scratch / "*.toml").value() == std::vector{a, b});
    CHECK(expand_glob(scratch / "*.none").value().empty());
    CHECK(expand_glob(scratch / "nowhere/*.toml").value().empty());
}

TEST_CASE("directories are created with all that is missing above, and exist as they are") {
    TempDir scratch;
    CHECK(make_directories(scratch / "one/two/three", 0750));
    CHECK(make_directories(scratch / "one/two/three", 0700));
    struct stat info{};
    ::stat((scratch / "one/two/three").c_str(), &info);
    CHECK((info.st_mode & 0777) == 0750);
    auto file = scratch.write("file", "");
    CHECK(make_directories(file + "/below", 0750).error().text.find(file) != std::string::npos);
}

TEST_CASE("a lock is held by one, who can be named, and by every duplicate of its descriptor") {
    TempDir scratch;
    auto path = scratch.write("lock", "a text that is longer than any pid");
    auto held = lock_file(path, 0ms).value();
    auto second = lock_file(path, 1ms);
    REQUIRE_FALSE(second);
    CHECK(second.error().text == path + " is locked by process " + std::to_string(::getpid()));

    Spawning here;
    SpawnRequest request{.argv = {"sleep", "1000"}};
    request.extra.push_back(held.duplicate());
    auto spawned = here.wait_for(std::move(request));
    REQUIRE(spawned.pid != 0); // a signal for nobody would be one for our whole group
    held.reset();
    CHECK_FALSE(lock_file(path, 0ms));
    ::kill(static_cast<pid_t>(spawned.pid), SIGKILL);
    ::waitpid(static_cast<pid_t>(spawned.pid), nullptr, 0);
    CHECK(lock_file(path, 0ms));
}

TEST_CASE("a lock that is a link is refused, and what it leads to stays as it is") {
    TempDir scratch;
    const auto precious = scratch.write("precious", "not to be cut short");
    REQUIRE(::symlink(precious.c_str(), (scratch / "lock").c_str()) == 0);
    CHECK(lock_file(scratch / "lock", 0ms).error().text == (scratch / "lock") + " is a link");
    CHECK(scratch.read("precious") == "not to be cut short");
}

TEST_CASE("a private file is for its owner alone, and one that is there is left alone") {
    TempDir scratch;
    REQUIRE(create_private(scratch / "new"));
    struct stat info{};
    ::stat((scratch / "new").c_str(), &info);
    CHECK((info.st_mode & 0777) == 0600);
    scratch.write("old", "kept");
    CHECK(create_private(scratch / "old"));
    CHECK(scratch.read("old") == "kept");
    CHECK(create_private("/dev/null"));
    CHECK_FALSE(create_private(scratch / "nowhere/new"));
}

TEST_CASE("a helper that keeps file access alone has no other capability, now or later") {
    if (::geteuid() != 0) SKIP("needs root, who has them all");
    auto errand = Errand::send([](const Errand::Say& say) {
        keep_file_access_alone();
        set_file_mask(027);
        say(read_file("/proc/self/status", 65536).value());
    });
    REQUIRE(errand);
    const auto status = errand->wait(monotonic_now() + 20s).text;
    CHECK(status.find("CapPrm:\t0000000000000002\nCapEff:\t0000000000000002\nCapBnd:\t0000000000000000\n")
          != std::string::npos);
    CHECK(status.find("NoNewPrivs:\t1\n") != std::string::npos);
    CHECK(status.find("Umask:\t0027\n") != std::string::npos);
}
