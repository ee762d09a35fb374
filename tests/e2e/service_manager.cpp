// What systemd hears.
#include "e2e/stage.hpp"

using namespace nezuban::test;

TEST_CASE("the watchdog is fed as long as the loop turns") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(rule(name, "count.min = 0"));

    daemon.start({{"WATCHDOG_USEC", "200000"}});

    for (int beat = 0; beat < 3; ++beat)
        daemon.notifications().await("WATCHDOG=1");
}

TEST_CASE("a summary while it runs, and a word at the end") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(rule(name, "count.min = 0"));
    daemon.start();

    const auto status = daemon.notifications().next();
    CHECK(status.starts_with("STATUS="));
    CHECK(status.find("1 rule,") != std::string::npos);
    CHECK(daemon.stop().exit_code == 0);
    daemon.notifications().await("STOPPING=1");
}

TEST_CASE("a service manager that doesn't listen blocks nobody") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(rule(name, "count.min = 0"));
    daemon.start();

    // A datagram socket holds a few messages, ten by default, and then its sender would wait.
    for (int time = 0; time < 12; ++time)
        REQUIRE(daemon.ask({"reload"}).exit_code == 0);

    CHECK(rule_status(daemon, name)["state"] == "ok");

    // When it listens again it learns that the last reload is over: of twelve such words no more than five fit.
    for (int word = 0; word < 6; ++word)
        daemon.notifications().await("READY=1");
}
