#include "app/find_commands.hpp"

#include "app/task_list.hpp"
#include "io/loop.hpp"
#include "io/running_command.hpp"
#include "io/spawner.hpp"
#include "support/features.hpp"
#include "support/hang.hpp"
#include "support/privilege.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"

#include <csignal>

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nezuban;
using namespace nezuban::test;

namespace {

// Commands as the daemon starts them; they are killed at the end.
class Commands {
public:
    Commands() {
        REQUIRE(spawner_.attach(loop_));
    }
    ~Commands() {
        while (!pids_.empty())
            end(pids_.back());
    }
    Commands(const Commands&) = delete;
    Commands& operator=(const Commands&) = delete;

    std::uint32_t start(const std::string& token) {
        Spawned answer;
        bool answered = false;
        REQUIRE(spawner_.request({.argv = {"sleep", "1000"}, .environment = {{"NEZUBAN_RUN", token}}},
                                 [&](const Spawned& spawned) {
                                     answer = spawned;
                                     answered = true;
                                 }));
        while (!answered)
            REQUIRE(loop_.step(std::nullopt));
        REQUIRE(answer.pid != 0);
        pids_.push_back(answer.pid);
        // Its environment is there when its program is.
        const std::vector<WantedCommand> wanted{{.token = token}};
        while (find_running_commands(wanted, std::chrono::seconds(20)).found.at(0).pid == 0) {
        }
        return answer.pid;
    }
    void end(std::uint32_t pid) {
        ::kill(static_cast<pid_t>(pid), SIGKILL);
        ::waitpid(static_cast<pid_t>(pid), nullptr, 0);
        std::erase(pids_, pid);
    }

private:
    Spawner spawner_ = Spawner::start().value();
    Loop loop_ = Loop::create().value();
    std::vector<std::uint32_t> pids_;
};

RuleMemory with_plan(const std::string& rule, const std::string& token, const Identity& known = {}) {
    return {.rule = rule,
            .streak = 1,
            .plan = PlanMemory{.reason = "fewer than 1", .started = true, .token = token, .command = known}};
}

Identity as_the_kernel_tells(std::uint32_t pid) {
    Identity id;
    const auto read = TaskList::open(test::features()).value().read([&](const SnapshotTask& task) {
        if (task.process.id.pid == pid) id = task.process.id;
    });
    REQUIRE(read);
    return id;
}

} // namespace

TEST_CASE("plans get the identity of the command that still runs, as the kernel tells it; the others get nobody") {
    if (!can_load_bpf()) SKIP(why_no_bpf());
    const auto token = "nz-find-" + std::to_string(::getpid()) + "-";
    Commands commands;
    const auto unknown = commands.start(token + "unknown");
    const auto numbered = commands.start(token + "numbered");
    const auto known = as_the_kernel_tells(commands.start(token + "known"));
    const auto ended = as_the_kernel_tells(commands.start(token + "ended"));
    commands.end(ended.pid);

    std::vector memories{with_plan("unknown", token + "unknown"),
                         with_plan("numbered", token + "numbered", {.pid = numbered}),
                         with_plan("known", token + "known", known),
                         with_plan("ended", token + "ended", ended),
                         with_plan("never started", token + "never started"),
                         with_plan("stopping", "", {.pid = unknown}),
                         RuleMemory{.rule = "without", .streak = 1}};
    const auto before = memories;
    CHECK(find_commands(test::features(), memories).empty());

    CHECK(memories[0].plan->command == as_the_kernel_tells(unknown));
    CHECK(memories[1].plan->command == as_the_kernel_tells(numbered));
    CHECK(memories[2].plan->command == known);
    for (std::size_t i = 3; i < 6; ++i)
        CHECK(memories[i].plan->command == Identity{});
    // Only of one that had begun it is known that it is over.
    for (std::size_t i = 0; i < 6; ++i)
        CHECK(memories[i].plan->ended == (i == 3));
    // All else is as it was.
    for (std::size_t i = 0; i < 6; ++i) {
        memories[i].plan->command = before[i].plan->command;
        memories[i].plan->ended = false;
    }
    CHECK(memories == before);
}

TEST_CASE("without a token nothing is looked for") {
    std::vector<RuleMemory> memories{with_plan("stopping", ""), RuleMemory{.rule = "without", .streak = 1}};
    const auto before = memories;
    CHECK(find_commands(test::features(), memories).empty());
    CHECK(memories == before);
}

TEST_CASE("a command whose memory is locked by what it waits for on a dead disk has not ended") {
    NEEDS_FUSE();
    if (!can_load_bpf()) SKIP(why_no_bpf());
    const TempDir dir;
    Actor command("nzstuck", {"memory", dir.path().string()}, "nz-command");
    const auto pid = command.said().at("holder").get<std::uint32_t>();
    command.tell("hold");

    std::vector memories{with_plan("a", "nz-find-locked", {.pid = pid})};
    CHECK(find_commands(test::features(), memories).empty());

    CHECK_FALSE(memories[0].plan->ended);
    CHECK(memories[0].plan->command == as_the_kernel_tells(pid));
    command.tell("release");
}
