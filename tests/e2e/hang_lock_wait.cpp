// Long waits for a lock that somebody holds: told once, of the one who is the cause.
#include "e2e/hang_stage.hpp"

using namespace nezuban::test;

TEST_CASE("many wait for one lock: told once, with its owner and what that one is doing, and when it is over") {
    NEEDS_DAEMON();
    // Given eight threads behind one that pauses with the lock in its hand
    const auto name = fresh_name();
    const Later later;
    Daemon daemon(later.rule() + hang_rule(name, "hang.lock_wait = \"1s\""));
    Actor chain("nzlock", {"chain", "8"}, name);
    daemon.start();
    Events events(daemon);

    const auto hang = events.await(name, "hang");

    CAPTURE(hang.dump());
    CHECK(hang["pid"] == chain.pid());
    const auto& evidence = hang.at("evidence");
    CHECK(evidence.at("lock") == chain.said().at("lock"));
    CHECK(evidence.at("owner_tid") == chain.said().at("holder"));
    CHECK(evidence.at("owner_pid") == chain.pid());
    CHECK(evidence.at("owner_state") == "S");
    CHECK(evidence.at("owner_syscall").get<std::string>().find("pause") != std::string::npos);
    CHECK(evidence.at("waiters") == 8);
    later.come(events);
    CHECK(count_of(daemon, name, "hang") == 1);

    // when the lock is let go
    chain.tell("release");

    // then that is told with how long it was.
    const auto recovered = events.await(name, "recovered");
    CHECK(says_how_long(recovered));
    CHECK(await_rule(daemon, name, [](const json& rule) { return rule["findings"].empty(); })["state"] == "ok");
}

TEST_CASE("the holder of the lock is in D: that is the finding, and those who wait for it are its consequence") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const Later later;
    Daemon daemon(later.rule()
                  + hang_rule(name, "hang.uninterruptible = \"1s\"\nhang.lock_wait = \"1s\"\nhang.deadlock = true"));
    Actor chain("nzlock", {"chain", "6", "vfork"}, name);
    daemon.start();
    Events events(daemon);

    const auto hang = events.await(name, "hang");
    later.come(events);

    CAPTURE(hang.dump());
    const auto status = rule_status(daemon, name);
    CAPTURE(status.dump());
    REQUIRE(status["findings"].size() == 1);
    const auto& finding = status["findings"][0];
    CHECK(finding.at("kind") == "uninterruptible");
    CHECK(finding.at("evidence").at("tid") == chain.said().at("holder"));
    if (have_programs()) CHECK(finding.at("evidence").at("killable") == true);
    CHECK(finding.at("evidence").at("waiting") == 6);
    CHECK(count_of(daemon, name, "hang") == 1);

    chain.tell("release");
    CHECK(says_how_long(events.await(name, "recovered")));
}

TEST_CASE("a lost wake-up is a wait whose owner is unknown, and never a deadlock") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(hang_rule(name, "hang.lock_wait = \"1s\"\nhang.deadlock = true"));
    Actor lost("nzlock", {"lost"}, name);
    daemon.start();
    Events events(daemon);

    const auto hang = events.await(name, "hang");

    CAPTURE(hang.dump());
    CHECK(hang.at("evidence").at("tid") == lost.said().at("tid"));
    CHECK(hang.at("evidence").at("lock") == lost.said().at("lock"));
    CHECK_FALSE(hang.at("evidence").contains("owner_tid"));
    CHECK_FALSE(hang.at("evidence").contains("cycle"));
    CHECK(hang["reason"].get<std::string>().find("owner unknown") != std::string::npos);
    const auto finding = rule_status(daemon, name)["findings"].at(0);
    CHECK(finding.at("kind") == "lock_wait");

    lost.tell("release");
    CHECK(says_how_long(events.await(name, "recovered")));
}
