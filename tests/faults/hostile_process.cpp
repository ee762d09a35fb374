// Processes that lie about who they are, as fast as they can: nobody else is hurt by it, and nobody who reads what is
// told of them is fooled.
#include "faults/stage.hpp"

#include <csignal>
#include <fstream>

using namespace nezuban::test;

namespace {

constexpr int turns = 4000;
constexpr int recycled = 10;
// What a line of ours would begin with, if their newline was one.
const std::string mark = "\nnezuban forged";

// What a terminal would obey, or what isn't text.
void check_harmless(const std::string& text, const std::string& what) {
    INFO(what);
    CHECK(text.find('\033') == std::string::npos);
    CHECK(text.find('\x07') == std::string::npos);
    CHECK(("\n" + text).find(mark) == std::string::npos);
    CHECK_NOTHROW((void)json(text).dump()); // throws when it isn't UTF-8
}

void check_told(const Daemon& daemon, const std::string& name) {
    for (const auto& verb :
         std::vector<std::vector<std::string>>{{"status"}, {"match"}, {"events", "-n", "1000000"}, {"explain", name}}) {
        const auto answer = daemon.ask(verb);
        check_harmless(answer.out + answer.errors, verb.front());
        CHECK(answer.exit_code <= 1);
    }
    for (const auto& verb : std::vector<std::vector<std::string>>{{"status", "--json"}, {"match", "--json"}}) {
        const auto answer = daemon.ask(verb);
        INFO(verb.front());
        CHECK(json::accept(answer.out));
    }
    check_harmless(daemon.log(), "log");
}

// A rule that means all of them, by their program.
std::string of_program(const std::string& name, const std::string& keys) {
    return "[[process]]\nname = \"" + name + "\"\nmatch.exe = \"" + program("nzhostile") + "\"\n" + keys + "\n";
}

} // namespace

TEST_CASE("hostile processes change all that they are: witnesses are left alone, and all that is told is harmless") {
    NEEDS_DAEMON();
    INFO("NEZUBAN_SEED=" << seed());
    Dice dice("hostile process");
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    const Service service(dir, leash);
    const auto wild = fresh_name();
    const auto by_args = fresh_name();
    const std::string kills = "count.min = 0\ncount.max = 1\ncount.per = \"comm\"\ncount.over = \"stop-newest\"\n"
                              "restart.kill_after = \"50ms\"\nrestart.settle = \"0s\"\n";
    const std::string tells = "match.user = \"65534\"\ncount.min = 0\ncount.max = 1\nnotify.command = [\"/bin/cat\"]\n";
    // Not both: who is meant by the narrower rule is protected from the wider one, which then ends an older one.
    Daemon daemon(service.text + of_program(wild, dice.roll(3) == 0 ? tells : kills)
                  + of_program(by_args, "match.args_regex = \"(a|[^x]*)+" + by_args + "$\"\ncount.min = 0\n"));
    // One has the very name that is ended, another one almost that of the service.
    Witness namesake(wild);
    Witness similar(similar_to(service.name));
    std::vector<Child> hostile;
    for (int i = 0; i < 2; ++i)
        hostile.push_back(start_program(
            "nzhostile", {std::to_string(turns), "--seed", std::to_string(dice.roll(1U << 30U)), "--name", wild,
                          "--name", similar_to(service.name), "--mark", mark, "--exec-every", "60", "--wait"}));
    daemon.start();
    auto pid = service.await_pid(daemon);
    const auto before = vitals_of(daemon);

    // When they rage, and a service that isn't theirs falls meanwhile
    for (auto& one : hostile)
        one.send("go");
    std::size_t restarts = 1;
    for (; restarts < 5; ++restarts) {
        end(pid);
        await_history(daemon, service.name, "exit", restarts);
        pid = service.await_pid(daemon);
        check_told(daemon, wild);
    }
    for (auto& one : hostile)
        CHECK(number_in(one.read_line(after(5 * patience)), "processes") > 0);

    // then the service was restarted each time, and once,
    service.check_restarts(daemon, restarts);
    // nobody was taken for somebody else,
    namesake.check();
    similar.check();
    // nothing of what they said of themselves was obeyed by a terminal or taken for ours,
    check_told(daemon, wild);
    (void)history_of(daemon, wild);
    // and the daemon is as it was.
    await_rule(daemon, wild, [](const json& rule) { return rule["count"] == 0; });
    check_no_leak(daemon, before);
    CHECK(daemon.stop().exit_code == 0);
}

TEST_CASE("a pid that belongs to somebody else by now is not killed for its last owner") {
    NEEDS_DAEMON();
    NEEDS_EVENTS();
    if (!can_recycle_pids()) SKIP("the kernel's pid counter can't be turned back");
    INFO("NEZUBAN_SEED=" << seed());
    Dice dice("recycled pids");
    const auto name = fresh_name();
    Daemon daemon(rule(name, "count.max = 1\ncount.over = \"stop-newest\"\nrestart.kill_after = \"10ms\"\n"
                             "restart.settle = \"0s\"\n"));
    auto old = start_program("nzidle", {"--name", name});
    daemon.start();
    auto similar = similar_to(name);

    for (int i = 0; i < recycled; ++i) {
        // Given one too many, which is gone, and its pid another's, before or after it was to be ended
        Child recycler({program("nzrecycle"), "--name", name, "--second-name", similar}, {.ends_with_input = true});
        const auto first = number_in(recycler.read_line(), "pid");
        dice.let_pass(std::chrono::milliseconds(1));
        recycler.send("");
        const auto line = recycler.read_line();
        if (line.find("recycled") == std::string::npos) continue; // others forked too fast
        REQUIRE(number_in(line, "pid") == first);
        // when it was judged, and SIGKILL would have come by now,
        await_rule(daemon, name, [](const json& rule) { return rule["state"] == "ok" && rule["count"] == 1; });
        // then the other one is alive: asleep as it began, and not a zombie.
        std::string stat;
        for (const auto deadline = after(); Clock::now() < deadline;) {
            std::ifstream file("/proc/" + std::to_string(first) + "/stat");
            std::getline(file, stat);
            if (stat.find(") R") == std::string::npos) break;
        }
        CAPTURE(stat);
        CHECK(stat.find("(" + similar + ") S") != std::string::npos);
    }
    CHECK(old.ask("rename x") == R"({"event": "renamed", "name": "x"})");
}
