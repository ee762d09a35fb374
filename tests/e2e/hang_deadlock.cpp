// Cycles of locks, proven: in pthread's mutexes of every type, in C++, in a library, across processes.
#include "e2e/hang_stage.hpp"

using namespace nezuban::test;

namespace {

std::set<pid_t> tids_in(const json& cycle) {
    std::set<pid_t> tids;
    for (const auto& link : cycle)
        tids.insert(link.at("tid").get<pid_t>());
    return tids;
}

} // namespace

TEST_CASE("every kind of deadlock is proven, told once, and names its threads, locks and owners") {
    NEEDS_DAEMON();
    // Given each kind in a program of its own
    const std::vector<std::string> kinds{"cycle2", "cycle3",  "recursive", "errorcheck", "robust", "shared",
                                         "cxx",    "library", "self",      "rwlock",     "join"};
    const Later later;
    std::string rules = later.rule();
    std::map<std::string, std::string> name_of;
    for (const auto& kind : kinds) {
        name_of[kind] = fresh_name();
        rules += hang_rule(name_of[kind], "hang.deadlock = true");
    }
    Daemon daemon(rules);
    std::map<std::string, Actor> actors;
    for (const auto& kind : kinds)
        actors.try_emplace(kind, "nzlock", std::vector<std::string>{kind}, name_of[kind]);

    // when the watch begins
    daemon.start();
    Events events(daemon);

    // then each is told with its cycle,
    std::set<std::string> names;
    for (const auto& [kind, name] : name_of)
        names.insert(name);
    const auto hangs = first_hangs(events, names);
    for (const auto& kind : kinds) {
        CAPTURE(kind);
        const auto& event = hangs.at(name_of[kind]);
        CAPTURE(event.dump());
        const auto& told = event.at("evidence").at("cycle");
        const auto& truth = actors.at(kind).said().at("cycle");
        CHECK(tids_in(told) == tids_in(truth));
        for (const auto& link : truth) {
            for (const auto& one : told) {
                if (one.at("tid") != link.at("tid")) continue;
                CHECK(one.at("owner_tid") == link.at("owner_tid"));
                CHECK(one.at("pid") == link.at("pid"));
                if (link.at("lock") != "(nil)") CHECK(one.at("lock") == link.at("lock"));
            }
        }
        const auto status = rule_status(daemon, name_of[kind]);
        CHECK(status["state"] == "hung");
        REQUIRE(status["findings"].size() == 1);
        CHECK(status["findings"][0]["kind"] == "deadlock");
    }

    // and once only, however often it is looked at.
    later.come(events);
    for (const auto& [kind, name] : name_of) {
        CAPTURE(kind);
        CHECK(count_of(daemon, name, "hang") == 1);
        CHECK(count_of(daemon, name, "recovered") == 0);
    }
}

TEST_CASE("circles of waits that end by themselves, crowds at one lock and lost wake-ups are no deadlocks") {
    NEEDS_DAEMON();
    const Later later;
    const std::map<std::string, std::vector<std::string>> scenes{
        {fresh_name(), {"timed"}},         {fresh_name(), {"contend", "100"}}, {fresh_name(), {"lost"}},
        {fresh_name(), {"condvar", "20"}}, {fresh_name(), {"joiner", "5"}},    {fresh_name(), {"semaphore", "20"}},
        {fresh_name(), {"chain", "5"}}};
    std::string rules = later.rule();
    std::vector<Actor> actors;
    for (const auto& [name, words] : scenes) {
        rules += hang_rule(name, "hang.deadlock = true");
        actors.emplace_back("nzlock", words, name);
    }
    Daemon daemon(rules);
    daemon.start();
    Events events(daemon);

    later.come(events);
    later.come(events);

    for (const auto& [name, words] : scenes) {
        CAPTURE(words.front());
        CHECK(count_of(daemon, name, "hang") == 0);
        CHECK(rule_status(daemon, name)["state"] == "ok");
    }
}

TEST_CASE("a deadlocked service is ended for good before its successor starts") {
    NEEDS_DAEMON();
    NEEDS_EVENTS();
    const auto name = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    Mailbox mail(dir.file("mail"));
    const auto words = detached(name, leash, {mail.path()});
    Daemon daemon(hang_rule(name, "hang.deadlock = true\nhang.action = \"restart\"",
                            "restart.settle = \"0s\"\nrestart.kill_after = \"1s\"\nrestart.command = "
                                + script("echo $NEZUBAN_PID $(cut -d' ' -f3 /proc/$NEZUBAN_PID/stat) >\"$1\"; shift; "
                                         "exec \"$@\"",
                                         words)));
    Actor stuck("nzlock", {"cxx"}, name);
    daemon.start();
    Events events(daemon);

    const auto hang = events.await(name, "hang");
    CHECK(hang["pid"] == stuck.pid());
    events.await(name, "restart");

    // What the successor's command saw of it: nothing, or a zombie that we have not reaped.
    const auto seen = mail.next();
    CAPTURE(seen);
    const bool gone = seen == std::to_string(stuck.pid()) || seen == std::to_string(stuck.pid()) + " Z";
    CHECK(gone);
    events.await(name, "recovered");
    // None has to be there (min = 0), so "recovered" may come before the successor has got its name.
    const auto back = await_rule(daemon, name, [](const json& status) { return status["count"] == 1; });
    CHECK(only_pid(back) != stuck.pid());
    CHECK(count_of(daemon, name, "restart") == 1);
}
