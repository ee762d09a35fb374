// Threads that run and get nowhere, and processes that gave no sign of life.
#include "e2e/hang_stage.hpp"

#include <cstddef>
#include <filesystem>
#include <string>

#include <system_error>

using namespace nezuban::test;

namespace {

// How many it has in the kernel, attached.
std::size_t programs_of(Daemon& daemon) {
    std::size_t count = 0;
    const std::filesystem::path descriptors("/proc/" + std::to_string(daemon.child().pid()) + "/fd");
    for (const auto& each : std::filesystem::directory_iterator(descriptors)) {
        std::error_code gone;
        const auto what = std::filesystem::read_symlink(each.path(), gone).string();
        if (what.contains("bpf_link") || what.contains("bpf-link") || what.contains("bpf-raw-tracepoint")) ++count;
    }
    return count;
}

} // namespace

TEST_CASE("a thread that spins is told; one that burns as much in system calls is not") {
    NEEDS_DAEMON();
    const auto spinning = fresh_name();
    const auto calling = fresh_name();
    Daemon daemon(hang_rule(spinning, "hang.spinning = \"1s\"") + hang_rule(calling, "hang.spinning = \"1s\""));
    Actor spinner("nzstuck", {"spin"}, spinning);
    Actor caller("nzstuck", {"spin-syscall"}, calling);
    daemon.start();
    Events events(daemon);

    const auto hang = events.await(spinning, "hang");

    CAPTURE(hang.dump());
    CHECK(hang["pid"] == spinner.pid());
    const auto& evidence = hang.at("evidence");
    CHECK(evidence.at("tid") == spinner.said().at("tid"));
    CHECK(evidence.at("comm") == "spinner");
    CHECK(evidence.at("cpu_s").get<double>() >= 1.0);
    CHECK(evidence.at("user_address").get<std::string>().starts_with("0x"));

    spinner.tell("release");
    CHECK(says_how_long(events.await(spinning, "recovered")));
    CHECK(count_of(daemon, spinning, "hang") == 1);
    CHECK(count_of(daemon, calling, "hang") == 0);
}

TEST_CASE("a process that ticks falls silent, and is back") {
    NEEDS_DAEMON();
    NEEDS_PROGRAMS("who is silent");
    const auto name = fresh_name();
    const Later later;
    Daemon daemon(later.rule() + hang_rule(name, "hang.silent = \"1s\""));
    Actor ticker("nzstuck", {"silent"}, name);
    daemon.start();
    Events events(daemon);
    later.come(events);
    CHECK(count_of(daemon, name, "hang") == 0);

    ticker.tell("stop");

    const auto hang = events.await(name, "hang");
    CAPTURE(hang.dump());
    CHECK(hang["pid"] == ticker.pid());
    CHECK(hang.at("evidence").at("silent_s").get<double>() >= 1.0);
    const auto usual = hang.at("evidence").at("usual_s").get<double>();
    CHECK(usual > 0.01);
    CHECK(usual < 0.9);

    ticker.tell("resume");
    CHECK(says_how_long(events.await(name, "recovered")));
    CHECK(count_of(daemon, name, "hang") == 1);
}

TEST_CASE("a reload that drops hang.silent takes the kernel program off, and one that drops another rule's does not") {
    NEEDS_DAEMON();
    NEEDS_PROGRAMS("who is silent");
    const auto name = fresh_name();
    const auto other = fresh_name();
    const auto later = [&](const std::string& key) { return rule(name, "count.min = 0\n" + key); };
    const std::string silent = "hang.silent = \"1s\"";
    const auto others = rule(other, "count.min = 0\n" + silent);
    Daemon daemon(later("") + others);
    Actor ticker("nzstuck", {"silent"}, name);
    daemon.start();
    const auto before = programs_of(daemon);

    // Given one who is watched,
    daemon.configure(later(silent) + others);
    REQUIRE(daemon.ask({"reload"}).exit_code == 0);
    const auto watched = programs_of(daemon);
    if (watched == before) SKIP("this kernel shows no links of programs");

    // when others change, he still is;
    daemon.configure(later(silent));
    REQUIRE(daemon.ask({"reload"}).exit_code == 0);
    CHECK(programs_of(daemon) == watched);

    // when nobody asks for him any more, he is not.
    daemon.configure(later(""));
    REQUIRE(daemon.ask({"reload"}).exit_code == 0);
    CHECK(programs_of(daemon) == before);
}

TEST_CASE("a file that is touched no more is the end of its heart's beat") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const TempDir dir;
    const Later later;
    Daemon daemon(later.rule()
                  + hang_rule(name, "hang.heartbeat = \"1s\"\nhang.heartbeat_file = \"" + dir.file("beat") + "\""));
    Actor service("nzstuck", {"heartbeat", dir.file("beat")}, name);
    daemon.start();
    Events events(daemon);
    later.come(events);
    CHECK(count_of(daemon, name, "hang") == 0);

    service.tell("stop");

    const auto hang = events.await(name, "hang");
    CAPTURE(hang.dump());
    CHECK(hang.at("evidence").at("file") == dir.file("beat"));
    CHECK(hang.at("evidence").at("last_beat_s").get<double>() >= 1.0);

    service.tell("resume");
    CHECK(says_how_long(events.await(name, "recovered")));
    CHECK(count_of(daemon, name, "hang") == 1);
}

TEST_CASE("a service that says WATCHDOG=1 no more is told, and when it says it again") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const Later later;
    Daemon daemon(later.rule() + hang_rule(name, "hang.heartbeat = \"1s\""));
    daemon.start();
    Events events(daemon);
    Actor service("nzstuck", {"heartbeat"}, name,
                  {.environment = {{"NOTIFY_SOCKET", daemon.dir().file("control.notify")}},
                   .directory = {},
                   .ends_with_input = true});
    later.come(events);
    CHECK(count_of(daemon, name, "hang") == 0);

    service.tell("stop");

    const auto hang = events.await(name, "hang");
    CAPTURE(hang.dump());
    CHECK(hang["pid"] == service.pid());
    CHECK(hang.at("evidence").at("last_beat_s").get<double>() >= 1.0);

    service.tell("resume");
    CHECK(says_how_long(events.await(name, "recovered")));
    CHECK(count_of(daemon, name, "hang") == 1);
}
