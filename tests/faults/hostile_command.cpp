// Restart commands that do everything a command shouldn't: each is one attempt of its rule's budget, none of them holds
// the daemon up, and nothing of them is left behind.
#include "faults/stage.hpp"

#include <csignal>
#include <sstream>

using namespace nezuban::test;

namespace {

constexpr std::size_t rules_at_once = 8;
constexpr std::size_t attempts = 3;
constexpr std::size_t many = 100; // more than commands that may run at once

// $1: a named pipe whose end is the end of what stays behind, $2: nzidle.
const std::vector<std::string>& scripts() {
    static const std::vector<std::string> all{
        // hang, whatever they are told
        "trap '' TERM HUP INT; while :; do read -r line <\"$1\" || exit; done",
        "exec \"$2\" --leash \"$1\"",
        "kill -STOP $$",
        // fork away: what stays behind holds the output open, is in another session, or is an orphan
        "\"$2\" --leash \"$1\" & exit 0",
        "setsid \"$2\" --leash \"$1\" & exit 1",
        "\"$2\" --detach --leash \"$1\"; trap '' TERM; exec \"$2\" --leash \"$1\"",
        "i=0; while [ $i -lt 20 ]; do \"$2\" --detach --leash \"$1\" >/dev/null 2>&1; i=$((i+1)); done; exit 1",
        // close descriptors
        "exec <&- >&- 2>&-; exec \"$2\" --leash \"$1\"",
        "exec >&- 2>&-; exit 1",
        "exec \"$2\" --leash \"$1\" >&- 2>&-",
        // print gigabytes
        "exec head -c 4000000000 /dev/zero",
        "exec yes \"$(printf '\\033[2J\\377\\300\\nnezuban forged')\"",
        "head -c 300000000 /dev/urandom >&2; exit 1",
        "trap '' TERM PIPE; exec tr '\\0' '\\n' </dev/zero",
        // die of signals, of their own or to their whole group
        "kill -SEGV $$",
        "kill -KILL 0",
        "kill -TERM 0; exec \"$2\" --leash \"$1\"",
        // are not there, or not able
        "exec /nonexistent/nzfault",
        "exec /",
        "ulimit -n 0 && exec cat",
        "exit 255",
        // say that they succeeded, and did nothing
        "exit 0",
    };
    return all;
}

} // namespace

TEST_CASE("hostile restart commands: each costs its attempt, all are ended, and the daemon is never held up") {
    NEEDS_DAEMON();
    INFO("NEZUBAN_SEED=" << seed());
    Dice dice("hostile command");
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    Leash theirs(dir.file("theirs"));
    const Service service(dir, leash);
    struct Bad {
        std::string name;
        Diary diary;
        std::string script;
    };
    std::vector<Bad> bad;
    std::string text = service.text;
    for (std::size_t i = 0; i < rules_at_once; ++i) {
        const auto name = fresh_name();
        bad.push_back({name, Diary(dir.file("diary-" + name)), dice.pick(scripts())});
        text +=
            rule(name, "restart.timeout = \"" + std::to_string(50 + dice.roll(300))
                           + "ms\"\nrestart.settle = \"50ms\"\nrestart.delay = \"10ms\"\nrestart.delay_max = \"20ms\"\n"
                             "restart.attempts = "
                           + std::to_string(attempts) + "\nrestart.command = "
                           + bad.back().diary.then_script(bad.back().script, {theirs.path(), program("nzidle")}));
    }
    Daemon daemon(service.text);
    daemon.start();
    Witness witness(similar_to(service.name));
    auto pid = service.await_pid(daemon);
    const auto before = vitals_of(daemon);

    // When all of them are missing at once, and a healthy service falls again and again
    daemon.configure(text);
    CHECK(daemon.ask({"reload"}).exit_code == 0);
    std::size_t restarts = 1;
    for (; restarts < 6; ++restarts) {
        end(pid);
        await_history(daemon, service.name, "exit", restarts);
        pid = service.await_pid(daemon);
    }

    // then it was restarted each time,
    service.check_restarts(daemon, restarts);
    // each of the others had its attempts, and not one more,
    for (const auto& one : bad) {
        INFO(one.script);
        const auto status = await_rule(daemon, one.name, [](const json& rule) { return rule["state"] == "exhausted"; });
        CHECK(status["restart"]["attempts_used"] == attempts);
        await_history(daemon, one.name, "escalated", 1);
        CHECK(history_of(daemon, one.name)["restart"] == attempts);
        CHECK(one.diary.lines() <= attempts); // on a busy machine one was ended before it could write
    }
    witness.check();
    // what they said is in the log, but not as if it was ours,
    CHECK(daemon.log().find("\nnezuban forged") == std::string::npos);
    CHECK(daemon.log().find('\033') == std::string::npos);
    // nothing of them is left, but what has left their group and so is somebody else's,
    theirs.let_go();
    check_no_leak(daemon, before);
    CHECK(daemon.stop().exit_code == 0);
}

TEST_CASE("very many fall at once while what tells of it hangs: all of them are restarted all the same") {
    NEEDS_DAEMON();
    INFO("NEZUBAN_SEED=" << seed());
    Dice dice("hanging notifiers");
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    Leash theirs(dir.file("theirs"));
    const std::vector<std::string> hangs{"exec \"$2\" --leash \"$1\"", "trap '' TERM; read -r line <\"$1\"",
                                         "exec >&- 2>&- <&-; exec \"$2\" --leash \"$1\""};
    std::vector<Service> services;
    std::string text;
    for (std::size_t i = 0; i < many; ++i) {
        services.emplace_back(
            dir, leash, "notify.command = " + script(dice.pick(hangs), {theirs.path(), program("nzidle")}) + "\n");
        text += services.back().text;
    }
    Daemon daemon(text);
    Witness witness(similar_to(services.front().name));

    // All are missing from the beginning; what they are told with takes a minute.
    daemon.start();
    for (const auto& service : services)
        (void)service.await_pid(daemon);

    for (const auto& service : services) {
        CHECK(service.diary.lines() == 1);
        CHECK(rule_status(daemon, service.name)["restart"]["attempts_used"] == 1);
    }
    witness.check();
    theirs.let_go();
    CHECK(daemon.stop().exit_code == 0);
}
