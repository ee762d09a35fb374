// Who holds the lock of his own memory keeps everybody waiting who reads his command line, for as long as he likes or
// his disk is dead. The daemon isn't everybody.
#include "e2e/stage.hpp"
#include "support/hang.hpp"
#include "support/privilege.hpp"

#include <csignal>

#include <fmt/format.h>

using namespace nezuban::test;

namespace {

std::string rule_with_arguments(const std::string& name) {
    return rule(name, "match.args = [\"memory\"]\ncount.min = 0\nhang.uninterruptible = \"off\"");
}

std::size_t times(const std::string& text, const std::string& part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
        ++count;
    return count;
}

} // namespace

TEST_CASE("a process that holds its memory's lock keeps no other from being restarted, and stays who it was") {
    NEEDS_DAEMON();
    NEEDS_FUSE();
    // Given a process that is known by its arguments, and a service
    const auto held = fresh_name();
    const auto name = fresh_name();
    const TempDir dir;
    const TempDir place;
    const Leash leash(dir.file("leash"));
    Daemon daemon(rule_with_arguments(held)
                  + rule(name, "restart.command = " + command(detached(name, leash)) + "\nrestart.settle = \"0s\""));
    Actor holder("nzstuck", {"memory", place.path().string()}, held);
    const auto pid = holder.said().at("holder").get<pid_t>();
    auto service = start_program("nzidle", {"--name", name});
    daemon.start();
    Events events(daemon);
    REQUIRE(only_pid(rule_status(daemon, held)) == pid);

    // when nobody can read them any more,
    holder.tell("hold");

    // then that is said,
    const auto said = fmt::format("the arguments of pid {} ({}) can't be read", pid, held);
    await_log(daemon, said);
    // the other is restarted all the same,
    service.signal(SIGKILL);
    events.await(name, "restart");
    events.await(name, "recovered");
    // it is a member as before,
    CHECK(only_pid(rule_status(daemon, held)) == pid);
    CHECK(daemon.ask({"health", "--style=nagios"}).exit_code == 0);

    // and it was said once, however often it was tried since.
    holder.tell("release");
    CHECK(daemon.stop().exit_code == 0);
    CHECK(times(daemon.log(), said) == 1);
}

TEST_CASE("who held his memory's lock from the beginning is recognized when he lets go of it") {
    NEEDS_DAEMON();
    NEEDS_FUSE();
    const auto held = fresh_name();
    const TempDir place;
    Daemon daemon(rule_with_arguments(held));
    Actor holder("nzstuck", {"memory", place.path().string()}, held);
    holder.tell("hold");

    daemon.start();
    CHECK(rule_status(daemon, held)["count"] == 0);

    holder.tell("release");
    const auto rule = await_rule(daemon, held, [](const json& one) { return one["count"] == 1; });
    CHECK(only_pid(rule) == holder.said().at("holder").get<pid_t>());
}
