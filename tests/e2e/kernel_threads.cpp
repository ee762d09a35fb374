// Kernel threads of this machine, which are not ours: looked at, counted, and never acted on.
#include "e2e/stage.hpp"

#include <filesystem>
#include <fstream>

using namespace nezuban::test;

namespace {

std::string quoted_rule(const std::string& name, const std::string& comm, const std::string& keys) {
    return "[[process]]\nname = \"" + name + "\"\nmatch.kernel_thread = true\nmatch.comm = \"" + comm + "\"\n" + keys;
}

// A name that is longer than what the kernel keeps of every thread, of one that keeps its name; empty: there is none.
std::string long_kernel_name() {
    constexpr std::size_t longest_comm = 15;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        std::ifstream file(entry.path() / "comm");
        std::string name;
        if (std::getline(file, name) && name.starts_with("kworker/R-") && name.size() > longest_comm) return name;
    }
    return {};
}

} // namespace

TEST_CASE("kernel threads are counted, judged and mended by a command, by nothing else") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(quoted_rule(name, "kthreadd",
                              "count.min = 2\nhang.action = \"restart\"\nrestart.command = [\"true\"]\n"
                              "restart.settle = \"100ms\"\nrestart.attempts = 1\n"));
    daemon.start();
    Events events(daemon);
    const auto under = events.await(name, "under");
    CHECK(under.at("reason").get<std::string>().starts_with("1 running, at least 2 wanted"));
    events.await(name, "restart");
    events.await(name, "escalated"); // "true" starts no second one
    const auto status = rule_status(daemon, name);
    CHECK(status["count"] == 1);
    CHECK(status["pids"] == json::array({2}));
}

TEST_CASE("match shows all of a kernel thread's name, and finds it by that") {
    NEEDS_DAEMON();
    const auto comm = long_kernel_name();
    if (comm.empty()) SKIP("no kernel thread has a name longer than 15 bytes here (since 5.17)");
    const auto name = fresh_name();
    const Daemon daemon(quoted_rule(name, comm, ""));
    const auto answer = daemon.ask({"match", name, "--json"});
    REQUIRE(answer.exit_code == 0);
    const auto rule = json::parse(answer.out).at("rules").at(0);
    REQUIRE(rule.at("count").get<int>() >= 1);
    CHECK(rule.at("processes").at(0).at("comm") == comm);
}
