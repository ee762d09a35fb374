// The helper programs do what they say: everything else on this rung builds on that.
#include "support/child.hpp"
#include "support/leash.hpp"
#include "support/privilege.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

#include <doctest/doctest.h>

using namespace nezuban::test;

namespace {

std::string proc(long pid, const std::string& file) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/" + file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

} // namespace

TEST_CASE("an idle program renames itself, takes another title, becomes another program and ends as told") {
    auto idle = start_program("nzidle", {"--name", "nzfirst", "--queue", "inbound"});
    CHECK(proc(idle.pid(), "comm") == "nzfirst\n");
    idle.ask("rename nzother");
    CHECK(proc(idle.pid(), "comm") == "nzother\n");
    idle.ask("title nz: at work");
    CHECK(proc(idle.pid(), "cmdline").starts_with("nz: at work"));
    const auto answer = idle.ask("exec " + program("nzidle") + " --queue outbound");
    CHECK(number_in(answer, "pid") == idle.pid());
    CHECK(proc(idle.pid(), "cmdline").ends_with(std::string("outbound\0", 9)));
    idle.send("exit 7");
    CHECK(idle.wait().exit_code == 7);
}

TEST_CASE("a process goes on after its leader has ended") {
    auto idle = start_program("nzidle");
    idle.ask("thread-exit");
    CHECK(proc(idle.pid(), "status").find("State:\tZ") != std::string::npos);
    idle.ask("rename nzheadless");
    idle.close_input();
    CHECK(idle.wait().exit_code == 0);
}

TEST_CASE("children of an idle program die with it") {
    auto idle = start_program("nzidle");
    const long child = number_in(idle.ask("fork nzkid"), "pid");
    CHECK(proc(child, "comm") == "nzkid\n");
    const Fd pidfd = open_pidfd(child);
    idle.close_input();
    idle.wait();
    CHECK(wait_readable(pidfd.get(), after()));
}

TEST_CASE("a program on a leash ends when it is let go") {
    const TempDir dir;
    Leash leash(dir.file("leash"));
    auto idle = start_program("nzidle", {"--leash", leash.path()});
    leash.let_go();
    CHECK(idle.wait().exit_code == 0);
}

TEST_CASE("a storm forks as many as it was asked for, and takes all with it") {
    auto storm = start_program("nzstorm", {"200", "--name", "nzkid", "--exec"});
    CHECK(number_in(storm.read_line(), "forked") == 200);
    storm.close_input();
    CHECK(number_in(storm.read_line(), "reaped") == 200);
    CHECK(storm.wait().exit_code == 0);
}

TEST_CASE("sleepers are as many as they say") {
    auto sleepers = start_program("nzsleepers", {"50"});
    const std::string children = proc(sleepers.pid(), "task/" + std::to_string(sleepers.pid()) + "/children");
    CHECK(std::count(children.begin(), children.end(), ' ') == 50);
    sleepers.close_input();
    CHECK(sleepers.wait().exit_code == 0);
}

TEST_CASE("churn counts every process it made") {
    auto churn = start_program("nzchurn", {"60", "--most", "100", "--threads", "100"});
    const auto done = churn.read_line();
    CHECK(number_in(done, "spawned") == 100);
    CHECK(number_in(done, "succeeded") == 100);
}

TEST_CASE("a pid comes back for another process") {
    if (!can_recycle_pids()) SKIP("ns_last_pid cannot be written");
    for (const auto deadline = after();;) {
        auto recycle = start_program("nzrecycle", {"--at-once", "--second-name", "nzsecond"});
        const auto line = recycle.read_line();
        // Where others fork as fast as they can, one of them may have got the number, and keep it.
        if (line.find("gave-up") != std::string::npos && Clock::now() < deadline) continue;
        CHECK(line.find("\"recycled\"") != std::string::npos);
        CHECK(proc(number_in(line, "pid"), "comm") == "nzsecond\n");
        recycle.close_input();
        CHECK(recycle.wait().exit_code == 0);
        return;
    }
}
