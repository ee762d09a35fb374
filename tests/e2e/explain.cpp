// `nezuban explain`: one process, looked at now, without a daemon.
#include "e2e/hang_stage.hpp"

using namespace nezuban::test;

namespace {

json explained(const Daemon& daemon, const std::string& whom) {
    const auto answer = daemon.ask({"explain", whom, "--json"});
    if (answer.out.empty()) throw std::runtime_error("explain " + whom + ": " + answer.errors);
    return json::parse(answer.out);
}
json explained(const Daemon& daemon, pid_t pid) {
    return explained(daemon, std::to_string(pid));
}

const json* thread_of(const json& explanation, const json& tid) {
    for (const auto& thread : explanation.at("threads"))
        if (thread.at("tid") == tid) return &thread;
    return nullptr;
}

} // namespace

TEST_CASE("a deadlock is explained: hung, with the cycle, and each thread's lock and owner") {
    NEEDS_DAEMON();
    const Daemon nobody(rule("nobody"));
    Actor stuck("nzlock", {"cycle3"}, fresh_name());

    const auto explanation = explained(nobody, stuck.pid());

    CAPTURE(explanation.dump());
    CHECK(explanation.at("pid") == stuck.pid());
    CHECK(explanation.at("verdict") == "hung");
    REQUIRE(explanation.at("findings").size() == 1);
    CHECK(explanation["findings"][0].at("kind") == "deadlock");
    CHECK(explanation["findings"][0].at("evidence").at("cycle").size() == 3);
    CHECK(explanation.at("threads").size() == 4);
    for (const auto& link : stuck.said().at("cycle")) {
        const auto* thread = thread_of(explanation, link.at("tid"));
        REQUIRE(thread != nullptr);
        CHECK(thread->at("state") == "S");
        CHECK(thread->at("syscall").at("name") == "futex");
        CHECK(thread->at("waits_for").at("lock") == link.at("lock"));
        CHECK(thread->at("waits_for").at("owner_tid") == link.at("owner_tid"));
    }
}

TEST_CASE("idle, moving and gone are told apart") {
    NEEDS_DAEMON();
    const Daemon nobody(rule("nobody"));
    auto idle = start_program("nzidle", {"--name", fresh_name()});
    Actor busy("nzstuck", {"spin-syscall"}, fresh_name());
    Actor pool("nzlock", {"condvar", "10"}, fresh_name());
    auto ended = start_program("nzidle", {"--name", fresh_name()});
    const auto gone = ended.pid();
    ended.close_input();
    ended.wait();

    CHECK(explained(nobody, idle.pid()).at("verdict") == "idle");
    CHECK(explained(nobody, busy.pid()).at("verdict") == "moving");
    CHECK(explained(nobody, pool.pid()).at("verdict") == "idle");
    CHECK(explained(nobody, gone).at("verdict") == "gone");
}

TEST_CASE("a thread in D is explained with its stack and system call") {
    NEEDS_DAEMON();
    const Daemon nobody(rule("nobody"));
    Actor stuck("nzstuck", {"vfork"}, fresh_name());

    const auto explanation = explained(nobody, stuck.pid());

    CAPTURE(explanation.dump());
    const auto* thread = thread_of(explanation, stuck.said().at("tid"));
    REQUIRE(thread != nullptr);
    CHECK(thread->at("state") == "D");
    CHECK(thread->at("comm") == "vforker");
    CHECK(thread->at("syscall").at("name").get<std::string>().find("vfork") != std::string::npos);
    CHECK_FALSE(thread->at("kernel_stack").empty());
}

TEST_CASE("all threads of a large process are explained") {
    NEEDS_DAEMON();
    const Daemon nobody(rule("nobody"));
    Actor large("nzstuck", {"threads", "300"}, fresh_name());

    const auto explanation = explained(nobody, large.pid());

    CHECK(explanation.at("verdict") == "idle");
    CHECK(explanation.at("threads").size() == 301);
}

TEST_CASE("work that nobody takes is explained with its socket") {
    NEEDS_DAEMON();
    NEEDS_PROGRAMS("what sockets hold");
    const Daemon nobody(rule("nobody"));
    Actor server("nzstuck", {"noaccept"}, fresh_name());
    const int port = server.said().at("port").get<int>();
    const Client client(port);

    const auto explanation = explained(nobody, server.pid());

    CAPTURE(explanation.dump());
    CHECK(explanation.at("sockets").dump().find("127.0.0.1:" + std::to_string(port)) != std::string::npos);
}

TEST_CASE("a rule's processes are explained by its name") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const Daemon nobody(rule(name));
    auto service = start_program("nzidle", {"--name", name});

    const auto answer = nobody.ask({"explain", name, "--json"});

    CAPTURE(answer.errors);
    auto text = answer.out;
    std::erase(text, ' ');
    CHECK(text.find("\"pid\":" + std::to_string(service.pid())) != std::string::npos);
}
