// What `explain` shows of what it has found.
#include "app/explanation.hpp"

#include <algorithm>
#include <sstream>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace nezuban;
using namespace std::chrono_literals;

namespace {

constexpr Time now{1000s};

SeenThread thread(std::uint32_t tid, std::string call, Duration off_cpu = 12s) {
    const ThreadWait wait{
        .process = {.pid = 70, .start_ns = 1},
        .thread = {.tid = tid, .start_ns = tid},
        .in_namespace = tid,
        .comm = "worker",
        .state = ThreadState::sleeping,
        .off_cpu = off_cpu,
        .syscall = Syscall{.number = 202, .args = {0x1000, 128, 0, 0}, .name = std::move(call)},
        .kernel_stack = {"futex_do_wait+0x46", "do_syscall_64+0x71", "entry_SYSCALL_64_after_hwframe+0x76"}};
    return {.last = wait, .since = now - off_cpu, .scans = 2};
}

Explanation some(std::vector<SeenThread> threads) {
    return {
        .asked = 70,
        .around = {.pid = 70, .comm = "worker", .args = "/opt/worker --queue in", .parent = {.pid = 1, .comm = "init"}},
        .verdict = {.kind = VerdictKind::idle, .reason = "waiting"},
        .threads = std::move(threads),
        .now = now,
        .clocks = {.monotonic = now, .wall = WallTime(1'700'000'000s)}};
}

std::string text_of(const Explanation& explanation, bool stacks = false) {
    std::ostringstream out;
    print_explanation(explanation, stacks, out);
    return out.str();
}

std::size_t lines_in(const std::string& text) {
    return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

} // namespace

TEST_CASE("the verdict comes first, and thousands of threads that do the same are one line") {
    std::vector<SeenThread> threads{thread(70, "pause")};
    for (std::uint32_t tid = 100; tid < 5099; ++tid)
        threads.push_back(thread(tid, "futex"));
    const auto text = text_of(some(std::move(threads)));
    CHECK(text
          == "idle: waiting\n"
             "pid 70 (worker), child of 1 (init): /opt/worker --queue in\n"
             "5,000 threads:\n"
             "  4,999 threads (worker): S in futex for 12.0 s, waiting for work (to be woken by another thread)\n"
             "  tid 70 (worker): S in pause() for 12.0 s, waiting for a signal\n");
}

TEST_CASE("threads that each do something of their own still fit on a screen") {
    std::vector<SeenThread> threads;
    for (std::uint32_t tid = 100; tid < 400; ++tid) {
        threads.push_back(thread(tid, "read"));
        threads.back().last.object = "pipe:[" + std::to_string(tid) + "]";
    }
    const auto text = text_of(some(threads));
    CHECK(lines_in(text) < 24);
    CHECK(text.find("300 threads (worker): S in read") != std::string::npos);
    for (auto& seen : threads)
        seen.last.syscall->name = "call" + std::to_string(seen.last.thread.tid);
    const auto more = text_of(some(threads));
    CHECK(lines_in(more) < 24);
    CHECK(more.find("and 288 more") != std::string::npos);
}

TEST_CASE("who hangs stands alone, before all others, with its kernel stack") {
    auto explanation = some({thread(70, "futex"), thread(71, "futex"), thread(72, "futex")});
    explanation.verdict = {.kind = VerdictKind::hung, .reason = "tid 72 hangs"};
    explanation.findings = {
        {.kind = HangKind::lock_wait, .process = {.pid = 70}, .tid = 72, .since = now - 12s, .reason = "it hangs"}};
    const auto text = text_of(explanation);
    CHECK(text.find("lock_wait since 2023-11-14T22:13:08Z: it hangs\n") != std::string::npos);
    const auto hung = text.find("tid 72 (worker): S in futex(0x1000, FUTEX_WAIT|PRIVATE, 0, no timeout)");
    REQUIRE(hung != std::string::npos);
    CHECK(hung < text.find("2 threads (worker)"));
    CHECK(text.find("\n      futex_do_wait+0x46\n") != std::string::npos);
    CHECK(text.find("entry_SYSCALL") == std::string::npos);
    SUBCASE("and with --stacks everybody is shown with one") {
        const auto all = text_of(explanation, true);
        CHECK(all.find("    tid 70 (worker)\n") != std::string::npos);
        CHECK(all.find("    tid 71 (worker)\n") != std::string::npos);
    }
}

TEST_CASE("no name of a thread, file or argument commands the terminal") {
    auto explanation = some({thread(70, "read")});
    explanation.threads[0].last.comm = "\x1b[2Jx";
    explanation.threads[0].last.object = "/tmp/\n\x1b]0;";
    explanation.around.comm = "\x1b[2J";
    explanation.around.args = "a\x1b[2J\nb";
    explanation.around.parent.comm = "\x1b";
    explanation.around.listening = {{.fd = 3, .local = "/run/\x1b"}};
    explanation.verdict.reason = "\x1b[2J";
    explanation.notes = {"\x1b"};
    explanation.rules = {"\x1b"};
    const auto shown = text_of(explanation, true) + explanation_line(explanation);
    CHECK(shown.find('\x1b') == std::string::npos);
    CHECK(lines_in(text_of(explanation)) == 5);
}

TEST_CASE("work that waits is shown with its socket") {
    auto explanation = some({thread(70, "read")});
    const SocketQueue queue{.owner = {.pid = 70},
                            .fd = 3,
                            .inode = 9,
                            .kind = SocketKind::tcp_listening,
                            .length = 3,
                            .limit = 128,
                            .local = "127.0.0.1:4711"};
    explanation.sockets = {{.last = queue, .holders = {queue}, .since = now - 60ms, .scans = 2}};
    CHECK(text_of(explanation)
              .find("  127.0.0.1:4711: 3 of at most 128 connections, descriptor 3, untouched for at least 60 ms\n")
          != std::string::npos);
    const auto json = nlohmann::json::parse(explanation_json(explanation).dump());
    CHECK(json["sockets"][0]
          == nlohmann::json::parse(
              R"({"fd": 3, "inode": 9, "kind": "tcp_listening", "local": "127.0.0.1:4711", "peer": null,
                                       "queue": 3, "limit": 128, "unserved_s": 0.06})"));
}

TEST_CASE("as JSON an explanation has the shape that scripts rely on") {
    auto explanation = some({thread(71, "futex")});
    explanation.threads[0].last.lock =
        LockWait{.address = 0x1000, .kind = LockKind::mutex, .owner_tid = 72, .owner_pid = 70};
    explanation.findings = {
        {.kind = HangKind::deadlock, .process = {.pid = 70}, .tid = 71, .since = now, .evidence = {{"a", 1}}}};
    const auto json = nlohmann::json::parse(explanation_json(explanation).dump());
    CHECK(json["pid"] == 70);
    CHECK(json["verdict"] == "idle");
    CHECK(json["reason"] == "waiting");
    CHECK(json["findings"][0]["kind"] == "deadlock");
    CHECK(json["findings"][0]["evidence"]["a"] == 1);
    const auto& thread = json["threads"][0];
    CHECK(thread["tid"] == 71);
    CHECK(thread["comm"] == "worker");
    CHECK(thread["state"] == "S");
    CHECK(thread["off_cpu_s"] == 12.0);
    CHECK(thread["syscall"]["name"] == "futex");
    CHECK(thread["syscall"]["args"] == nlohmann::json({"0x1000", "FUTEX_WAIT|PRIVATE", "0", "no timeout"}));
    CHECK(thread["waits_for"]["lock"] == "0x1000");
    CHECK(thread["waits_for"]["owner_tid"] == 72);
    CHECK(thread["kernel_stack"].size() == 3);
    CHECK(json["sockets"] == nlohmann::json::array());
}
