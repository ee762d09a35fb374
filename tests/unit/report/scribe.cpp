#include "report/scribe.hpp"

#include "io/boot_id.hpp"
#include "io/clock.hpp"
#include "io/unix_socket.hpp"
#include "report/history.hpp"
#include "report/state_dir.hpp"
#include "support/skip.hpp"
#include "support/small_disk.hpp"
#include "support/temp_dir.hpp"

#include <csignal>
#include <filesystem>
#include <functional>
#include <optional>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <unistd.h>

using namespace nezuban;
using namespace nezuban::test;
using namespace std::chrono_literals;

namespace {

// A scribe process with its log in a file, and the watcher's side of it.
class Here {
public:
    explicit Here(std::string sub = "") : state_dir(scratch.path().string() + sub) {}
    ~Here() {
        if (pid > 0) ::kill(pid, SIGKILL);
        wait_for_end();
    }

    void start(const std::string& format = "text") {
        auto ends = socket_pair().value();
        pid = ::fork();
        if (pid == 0) {
            int log = ::open((scratch / "log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
            ::dup2(ends.second.get(), 0);
            ::dup2(log, 2);
            ends.first.reset();
            ends.second.reset();
            std::vector<std::string> words{"nezuban", "scribe",      "--state-dir", state_dir,      "--size",
                                           "1048576", "--log-level", "info",        "--log-format", format};
            std::vector<char*> argv;
            for (auto& word : words)
                argv.push_back(word.data());
            ::_exit(scribe_main(static_cast<int>(argv.size()), argv.data()));
        }
        REQUIRE(scribe.attach(std::move(ends.first)));
    }
    void until(const std::function<bool()>& done) {
        while (!done())
            REQUIRE(loop.step(std::nullopt));
    }
    void until_written() {
        until([this] { return scribe.health().waiting == 0; });
    }
    int wait_for_end() {
        int status = -1;
        if (pid > 0) ::waitpid(pid, &status, 0);
        pid = 0;
        return status;
    }
    [[nodiscard]] std::vector<HistoryEntry> entries() const {
        return History::open_for_reading(history_path(state_dir)).value().query({}).value();
    }

    TempDir scratch;
    std::string state_dir;
    Loop loop = Loop::create().value();
    int deaths = 0;
    Scribe scribe{loop, [this] { ++deaths; }};
    pid_t pid = 0;
};

Incident incident(const std::string& reason) {
    return {.time = monotonic_now(), .happening = Happening::under, .rule = "scanner", .reason = reason};
}

} // namespace

TEST_CASE("incidents reach log and history, log lines the log, memories the history, and that is confirmed") {
    Here here;
    here.scribe.log(Severity::info, "before the scribe was there");
    CHECK_FALSE(here.scribe.health().attached);
    here.start();
    here.scribe.incident(incident("none running"));
    here.scribe.remember({.rule = "scanner", .streak = 7});
    here.scribe.log(Severity::debug, "below the level");
    CHECK(here.scribe.health().waiting == 4);
    here.until_written();
    auto health = here.scribe.health();
    CHECK(health.attached);
    CHECK(health.error.empty());
    CHECK(health.dropped == 0);

    auto entries = here.entries();
    REQUIRE(entries.size() == 1);
    CHECK(entries[0].rule == "scanner");
    CHECK(entries[0].event == "under");
    CHECK(entries[0].json.find("none running") != std::string::npos);
    auto history = History::open_for_reading(history_path(here.state_dir)).value();
    CHECK(history.load_memories(clock_pair(), boot_id()).value().kept.at(0).streak == 7);
    auto log = here.scratch.read("log");
    CHECK(log.find("Z info    before the scribe was there\n") != std::string::npos);
    CHECK(log.find("Z error   scanner: under: none running\n") != std::string::npos);
    CHECK(log.find("below the level") == std::string::npos);
}

TEST_CASE("the log can be JSON, a line each") {
    Here here;
    here.start("json");
    here.scribe.log(Severity::warning, "two\nlines");
    here.scribe.incident(incident("why"));
    here.until_written();
    auto log = here.scratch.read("log");
    CHECK(log.find(R"("level":"warning","message":"two\nlines"})") != std::string::npos);
    CHECK(log.find(R"("incident":{"time":")") != std::string::npos);
}

TEST_CASE("the watcher's death loses nothing of what it has sent, and the scribe ends by itself") {
    Here here;
    auto ends = socket_pair().value();
    auto watcher = ::fork();
    if (watcher == 0) {
        // Sends, reads no answer, and dies of it.
        ends.second.reset();
        auto loop = Loop::create().value();
        Scribe scribe(loop, [] {});
        if (!scribe.attach(std::move(ends.first))) ::_exit(1);
        for (int i = 0; i < 5000; ++i)
            scribe.incident(incident("number " + std::to_string(i)));
        scribe.flush(1min);
        ::kill(::getpid(), SIGKILL);
    }
    ends.first.reset();
    ::waitpid(watcher, nullptr, 0);
    here.pid = ::fork();
    if (here.pid == 0) {
        ::dup2(ends.second.get(), 0);
        ::dup2(::open("/dev/null", O_WRONLY), 2);
        ends.second.reset();
        std::string state = here.state_dir;
        std::array<char*, 4> argv{const_cast<char*>("nezuban"), const_cast<char*>("scribe"),
                                  const_cast<char*>("--state-dir"), state.data()};
        ::_exit(scribe_main(4, argv.data()));
    }
    ends.second.reset();
    CHECK(here.wait_for_end() == 0);
    auto entries = here.entries();
    REQUIRE(entries.size() == 5000);
    CHECK(entries.back().json.find("number 4999") != std::string::npos);
}

TEST_CASE("the scribe outlives the signals that end the watcher") {
    Here here;
    here.start();
    here.scribe.log(Severity::info, "up");
    here.until_written();
    for (int signal : {SIGTERM, SIGINT, SIGHUP})
        ::kill(here.pid, signal);
    here.scribe.incident(incident("after the signals"));
    here.until_written();
    CHECK(here.entries().size() == 1);
}

TEST_CASE("a scribe that dies is noticed, and its successor gets what was not confirmed") {
    Here here;
    here.start();
    here.scribe.remember({.rule = "scanner", .streak = 3});
    here.until_written();
    ::kill(here.pid, SIGSTOP);
    here.scribe.incident(incident("unheard"));
    ::kill(here.pid, SIGKILL);
    here.until([&] { return here.deaths == 1; });
    here.wait_for_end();
    CHECK_FALSE(here.scribe.health().attached);
    CHECK(here.scribe.health().waiting == 1);
    here.scribe.incident(incident("while nobody was there"));

    here.start();
    here.until_written();
    auto entries = here.entries();
    REQUIRE(entries.size() == 2);
    CHECK(entries[0].json.find("unheard") != std::string::npos);
    CHECK(here.scribe.health().dropped == 0);
}

TEST_CASE(
    "a scribe that is killed takes no memory with it: neither one it has not read nor one that it could not write") {
    Here here("/disk");
    const SmallDisk disk(here.state_dir, "1m");
    if (!disk.mounted()) SKIP("can't mount a tmpfs");
    // given: memories that were written, others that found the disk full, and more that were not even read
    here.start();
    const auto remember = [&](std::uint32_t from, std::uint32_t to, std::uint32_t streak) {
        for (auto i = from; i < to; ++i)
            here.scribe.remember({.rule = "rule " + std::to_string(i),
                                  .streak = streak,
                                  .plan = PlanMemory{.reason = "why", .token = std::to_string(i)}});
    };
    remember(0, 100, 1);
    here.until_written();
    disk.fill();
    remember(50, 200, 2);
    here.until([&] { return here.scribe.health().waiting == 0 && !here.scribe.health().error.empty(); });
    ::kill(here.pid, SIGSTOP);
    remember(150, 300, 3);
    here.scribe.remember({.rule = "rule 0"}); // forgotten

    // when
    ::kill(here.pid, SIGKILL);
    here.until([&] { return here.deaths == 1; });
    here.wait_for_end();
    disk.make_room();
    here.start();
    here.until_written();

    // then
    auto memories = History::open_for_reading(history_path(here.state_dir)).value();
    const auto kept = memories.load_memories(clock_pair(), boot_id()).value().kept;
    CHECK(kept.size() == 299);
    for (const auto& memory : kept) {
        const auto number = std::stoi(memory.rule.substr(5));
        CAPTURE(number);
        CHECK(memory.streak == (number < 50 ? 1U : number < 150 ? 2U : 3U));
        REQUIRE(memory.plan);
        CHECK(memory.plan->token == std::to_string(number));
    }
}

TEST_CASE(
    "what nobody takes is bounded, counted and told, but no memory is lost, and no incident for want of log lines") {
    Here here;
    std::size_t sent = Scribe::message_limit / 2 + 500; // they may take half of the place
    for (std::size_t i = 0; i < sent; ++i)
        here.scribe.log(Severity::debug, "line");
    CHECK(here.scribe.health().dropped == 500);
    for (int i = 0; i < 100; ++i)
        here.scribe.incident(incident("kept"));
    CHECK(here.scribe.health().dropped == 500);
    for (std::uint32_t i = 1; i <= 10; ++i)
        here.scribe.remember({.rule = "scanner", .streak = i});
    here.start();
    here.until_written();
    CHECK(here.scribe.health().dropped == 500);
    CHECK(here.scratch.read("log").find("500 incidents and log lines were dropped") != std::string::npos);
    CHECK(here.entries().size() == 100);
    auto history = History::open_for_reading(history_path(here.state_dir)).value();
    CHECK(history.load_memories(clock_pair(), boot_id()).value().kept.at(0).streak == 10);
}

TEST_CASE("scribes that die one after the other don't fill the place with what has to be remembered") {
    Here here;
    constexpr std::size_t rules = 50;
    for (std::size_t i = 0; i < rules; ++i)
        here.scribe.remember({.rule = "rule " + std::to_string(i), .streak = 7});
    here.scribe.incident(incident("kept"));
    for (int deaths = 1; deaths <= 300; ++deaths) {
        auto ends = socket_pair().value();
        REQUIRE(here.scribe.attach(std::move(ends.first)));
        ends.second.reset();
        here.until([&] { return here.deaths == deaths; });
    }
    CHECK(here.scribe.health().waiting == rules + 1);

    here.start();
    here.until_written();
    CHECK(here.scribe.health().dropped == 0);
    CHECK(here.entries().size() == 1);
    auto history = History::open_for_reading(history_path(here.state_dir)).value();
    CHECK(history.load_memories(clock_pair(), boot_id()).value().kept.size() == rules);
}

TEST_CASE("a damaged history is set aside and said, and writing goes on") {
    Here here;
    here.scratch.write("history.db", std::string(5000, 'x'));
    here.start();
    here.scribe.incident(incident("first of the fresh one"));
    here.until_written();
    CHECK(here.entries().size() == 1);
    CHECK(here.scratch.read("log").find("set aside as") != std::string::npos);
}

TEST_CASE("a history that is taken away is said, a fresh one is begun, and it holds all that has to be remembered") {
    Here here("/state");
    here.start();
    here.scribe.incident(incident("before"));
    here.scribe.remember({.rule = "scanner", .streak = 7});
    here.scribe.remember({.rule = "mailer", .streak = 3});
    here.until_written();

    std::filesystem::remove_all(here.state_dir);
    here.scribe.remember({.rule = "mailer", .streak = 4});
    here.scribe.incident(incident("after"));
    here.until_written();

    const auto entries = here.entries();
    REQUIRE(entries.size() == 1);
    CHECK(entries[0].json.find("after") != std::string::npos);
    const auto memories =
        History::open_for_reading(history_path(here.state_dir)).value().load_memories(clock_pair(), boot_id());
    REQUIRE(memories->kept.size() == 2);
    CHECK(memories->kept[0].streak == 4);
    CHECK(memories->kept[1].streak == 7);
    CHECK(here.scratch.read("log").find("was taken away") != std::string::npos);
    CHECK(here.deaths == 0);
}

TEST_CASE("while the disk is full the log goes on, and what was kept is written when there is room") {
    Here here("/disk");
    const SmallDisk disk(here.state_dir, "256k");
    if (!disk.mounted()) SKIP("can't mount a tmpfs");
    disk.fill();
    here.start();
    here.scribe.incident(incident("kept"));
    here.scribe.remember({.rule = "scanner", .streak = 3});
    here.until([&] { return here.scribe.health().error.find("history.db") != std::string::npos; });
    here.scribe.log(Severity::info, "still here");
    here.until([&] { return here.scratch.read("log").find("still here") != std::string::npos; });
    CHECK(here.scratch.read("log").find("monitoring goes on") != std::string::npos);
    here.until([&] { return here.scribe.health().waiting == 1; });
    disk.make_room();
    here.until([&] { return here.scribe.health().error.empty(); });
    CHECK(here.entries().size() == 1);
    CHECK(here.scribe.health().dropped == 0);
}

TEST_CASE(
    "a scribe that is killed while the disk is full takes no incident with it, and none is told twice in the log") {
    Here here("/disk");
    const SmallDisk disk(here.state_dir, "1m");
    if (!disk.mounted()) SKIP("can't mount a tmpfs");
    const auto scribe_killed = [&] {
        ::kill(here.pid, SIGKILL);
        here.until([&, before = here.deaths] { return here.deaths > before; });
        here.wait_for_end();
    };
    // given: an incident that was written, and others that found the disk full
    here.start();
    here.scribe.incident(incident("written"));
    here.until_written();
    disk.fill();
    for (const auto* reason : {"first", "second"})
        here.scribe.incident(incident(reason));
    here.until([&] { return here.scribe.health().waiting == 2 && !here.scribe.health().error.empty(); });

    // when: one scribe after the other is killed, and more happens while none is there
    scribe_killed();
    here.scribe.incident(incident("third"));
    CHECK(here.scribe.health().waiting == 3);
    here.start();
    here.until([&] { return here.scratch.read("log").find("third") != std::string::npos; });
    here.until([&] { return !here.scribe.health().error.empty(); });
    scribe_killed();
    disk.make_room();
    here.start();
    here.until_written();

    // then
    std::string reasons;
    for (const auto& entry : here.entries())
        reasons += nlohmann::json::parse(entry.json)["reason"].get<std::string>() + " ";
    CHECK(reasons == "written first second third ");
    CHECK(here.scribe.health().dropped == 0);
    const auto log = here.scratch.read("log");
    for (const auto* reason : {"written", "first", "second", "third"}) {
        const auto line = std::string("scanner: under: ") + reason + "\n";
        CHECK(log.find(line) != std::string::npos);
        CHECK(log.find(line) == log.rfind(line));
    }
}

TEST_CASE("a scribe without a place to write is told by its exit code") {
    std::array<char*, 3> argv{const_cast<char*>("nezuban"), const_cast<char*>("scribe"), const_cast<char*>("--what")};
    CHECK(scribe_main(2, argv.data()) == 2);
    CHECK(scribe_main(3, argv.data()) == 2);
    auto arguments = scribe_arguments({.state_dir = "/var/lib/nezuban"});
    CHECK(arguments.at(1) == "scribe");
}
