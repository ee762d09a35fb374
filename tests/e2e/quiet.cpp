// A monitor that calls an idle process hung is worse than none: everything here has nothing to do, or waits for what is
// slow, and every kind of evidence is asked for. scripts/quiet does the same with real servers, and longer.
#include "e2e/hang_stage.hpp"

using namespace nezuban::test;

TEST_CASE("nobody who idles, waits or is busy is called hung") {
    NEEDS_DAEMON();
    const std::vector<std::vector<std::string>> stuck{
        {"idle-epoll"}, {"idle-poll"}, {"idle-select"},     {"idle-accept"},   {"idle-recv"},   {"sleeper"},
        {"pipeline"},   {"silent"},    {"waits-for-child"}, {"threads", "50"}, {"spin-syscall"}};
    const std::vector<std::vector<std::string>> locks{
        {"condvar", "50"}, {"semaphore", "50"}, {"joiner", "20"}, {"contend", "100"}, {"timed"}};
    const auto name = fresh_name();
    const Later later;
    Daemon daemon(later.rule()
                  + rule(name,
                         "count.min = 0\nhang.uninterruptible = \"1s\"\nhang.stopped = \"1s\"\nhang.deadlock = true\n"
                         "hang.lock_wait = \"1s\"\nhang.unserved = \"1s\"\nhang.spinning = \"1s\""));
    std::vector<Actor> actors;
    std::vector<Client> clients; // that have said what they wanted to say, and stay
    for (const auto& words : stuck) {
        actors.emplace_back("nzstuck", words, name);
        const auto port = actors.back().said().value("port", 0);
        if (port != 0) clients.emplace_back(port, words.front() == "idle-recv" ? SOCK_DGRAM : SOCK_STREAM);
    }
    for (const auto& words : locks)
        actors.emplace_back("nzlock", words, name);

    daemon.start();
    Events events(daemon);
    for (int time = 0; time < 4; ++time)
        later.come(events);

    std::string told;
    for (const auto& line : events.seen())
        if (line.find(name) != std::string::npos) told += line + "\n";
    CAPTURE(told);
    CHECK(count_of(daemon, name, "hang") == 0);
    CHECK(rule_status(daemon, name)["state"] == "ok");
}
