// A thousand reloads while processes come and go: good files, bad ones and none. What a rule knows, it keeps; what is
// gone leaves nothing.
#include "faults/stage.hpp"

#include <csignal>
#include <cstring>
#include <filesystem>

#include <sys/socket.h>
#include <sys/un.h>

using namespace nezuban::test;

namespace {

constexpr int reloads = 1000;
constexpr int falls = 10;

// What the verb `reload` says, without starting a program for it.
json reload(const Daemon& daemon) {
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, daemon.socket().c_str(), daemon.socket().size());
    constexpr std::string_view request = "{\"verb\":\"reload\"}\n";
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0
        || ::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
        fail_with_errno("asking for a reload");
    return json::parse(LineReader(std::move(fd)).rest(after()));
}

// Some of many rules, some of them different each time.
std::string some_rules(const std::vector<std::string>& names, Dice& dice) {
    static const std::vector<std::string> keys{"count.max = 3\ncount.over = \"report\"\n",
                                               "hang.spinning = \"1h\"\n",
                                               "restart.command = [\"/bin/false\"]\nmatch.user = \"65534\"\n",
                                               "count.per = \"user\"\n",
                                               "hang.silent = \"1h\"\nhang.lock_wait = \"1h\"\n",
                                               "match.args_regex = \"(a|b)*c\"\n"};
    std::string text;
    std::string members;
    for (const auto& name : names) {
        if (dice.roll(3) == 0) continue;
        text += rule(name, "count.min = 0\n" + dice.pick(keys));
        members += (members.empty() ? "\"" : ", \"") + name + "\"";
    }
    if (!members.empty() && dice.roll(2) == 0)
        text += "[[group]]\nname = \"" + names.front() + "-group\"\nmembers = [" + members + "]\n";
    return text;
}

} // namespace

TEST_CASE("a thousand reloads under load: rules that stay keep what they know, and nothing is left of those that go") {
    NEEDS_DAEMON();
    INFO("NEZUBAN_SEED=" << seed());
    Dice dice("reloads");
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    const Service service(dir, leash);
    std::vector<std::string> names;
    for (int i = 0; i < 12; ++i)
        names.push_back(fresh_name());
    Daemon daemon(service.text + some_rules(names, dice));
    Witness witness(similar_to(service.name));
    std::vector<Child> members; // of rules that come and go
    for (int i = 0; i < 4; ++i)
        members.push_back(start_program("nzidle", {"--name", names[static_cast<std::size_t>(i)]}));
    daemon.start();
    auto pid = service.await_pid(daemon);
    for (int i = 0; i < 20; ++i) {
        daemon.configure(service.text + some_rules(names, dice));
        CHECK(reload(daemon)["ok"] == true);
    }
    const auto before = vitals_of(daemon);
    auto churn = start_program("nzchurn", {"100", "--workers", "1"});

    std::size_t restarts = 1;
    std::size_t good = 20;
    for (int i = 1; i <= reloads; ++i) {
        const auto kind = dice.roll(10);
        CAPTURE(i);
        CAPTURE(kind);
        if (kind == 0) {
            daemon.dir().write("nezuban.toml", "[daemon]\n" + dice.bytes(dice.roll(3000)));
        } else if (kind == 1) {
            std::filesystem::remove(daemon.config());
        } else {
            daemon.configure(service.text + some_rules(names, dice));
        }
        const bool falls_now = i % (reloads / falls) == 0;
        if (falls_now) REQUIRE(::kill(pid, SIGKILL) == 0);
        const auto answer = reload(daemon);
        CHECK(answer["ok"] == (kind > 1));
        if (kind > 1) ++good;
        if (!falls_now) continue;
        ++restarts;
        const auto old = pid;
        pid = only_pid(await_rule(daemon, service.name, [&](const json& rule) {
            return rule["state"] == "ok" && rule["pids"].size() == 1 && rule["pids"][0] != old;
        }));
    }
    churn.close_input();
    churn.wait();
    daemon.configure(service.text);
    CHECK(reload(daemon)["ok"] == true);

    service.check_restarts(daemon, restarts);
    await_history(daemon, service.name, "exit", restarts - 1);
    witness.check();
    for (auto& member : members)
        CHECK(member.ask("rename x") == R"({"event": "renamed", "name": "x"})");
    check_no_leak(daemon, before);
    CHECK(daemon.stop().exit_code == 0);
}
