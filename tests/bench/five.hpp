// Five services of one group, each of which requires the one before it; started, stopped and ended for real.
#pragma once

#include "../support/leash.hpp"
#include "bench.hpp"
#include "host.hpp"

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace nezuban::bench {

enum class Readiness { command_returns, tcp, command };

// What one command of one member took by its own account.
struct Taken {
    std::string verb;
    std::string member;
    long long began_ns = 0;
    long long ended_ns = 0;
};

inline int free_port() {
    const test::Fd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(probe.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0
        || ::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
        test::fail_with_errno("looking for a free port");
    return ntohs(address.sin_port);
}

class Five {
public:
    static constexpr int members = 5;

    Five(Readiness readiness, int work_ms)
        : marks_pipe_(dir_.file("marks")), leash_(dir_.file("leash")),
          marks_(test::Fd(::open(marks_pipe_.path().c_str(), O_RDONLY | O_CLOEXEC))),
          daemon_(configuration(readiness, work_ms)) {
        daemon_.start();
        for (int i = 0; i < members; ++i) {
            next_mark(); // nothing runs: they are started in order
        }
        await_whole();
    }

    [[nodiscard]] const test::Daemon& daemon() const {
        return daemon_;
    }
    // Two benches at the same time must not count each other's.
    [[nodiscard]] static std::string name(int member) {
        return fmt::format("nzb-{}-{}", ::getpid(), member);
    }
    [[nodiscard]] std::map<std::string, pid_t> pids() const {
        std::map<std::string, pid_t> found;
        const auto now = status(daemon_);
        for (const auto& rule : now.at("rules")) {
            found[rule.at("name")] = rule.at("pids").at(0).get<pid_t>();
        }
        return found;
    }
    Taken next_mark() {
        Taken taken;
        std::istringstream(marks_.next(test::after()).value()) >> taken.verb >> taken.member >> taken.began_ns
            >> taken.ended_ns;
        return taken;
    }
    // Who reads none has to empty the pipe: a full one would hold up the members.
    void drop_marks() const {
        char bytes[4096];
        while (test::wait_readable(marks_.fd(), test::Clock::now()) && ::read(marks_.fd(), bytes, sizeof bytes) > 0) {
        }
    }
    void await_whole() const {
        for (const auto deadline = test::after();;) {
            const auto now = status(daemon_);
            const auto& group = now.at("groups").at(0);
            if (group.at("state") == "ok" && group.at("root_cause").is_null()) return;
            if (test::Clock::now() > deadline) throw std::runtime_error("the group is not whole: " + now.dump());
            rest(std::chrono::milliseconds(1));
        }
    }

private:
    [[nodiscard]] std::string configuration(Readiness readiness, int work_ms) const {
        const auto argv = [&](std::vector<std::string> words) {
            words.insert(words.begin(), test::program("nzmember"));
            return nlohmann::json(words).dump();
        };
        const auto folder = dir_.path().string();
        std::string text;
        nlohmann::json names;
        for (int i = 0; i < members; ++i) {
            const auto own = name(i);
            names.push_back(own);
            std::vector<std::string> start{"start", own, folder, std::to_string(work_ms),
                                           readiness == Readiness::command_returns ? "up" : "at-once"};
            std::string keys = "restart.settle = \"0s\"\nrestart.delay = \"0s\"\nrestart.attempts = 1000\n";
            if (i > 0) keys += "requires = [\"" + name(i - 1) + "\"]\n";
            if (readiness == Readiness::tcp) {
                start.push_back(std::to_string(free_port()));
                keys += "ready.tcp = \"127.0.0.1:" + start.back() + "\"\n";
            }
            if (readiness == Readiness::command) keys += "ready.command = " + argv({"ready", own, folder}) + "\n";
            keys += "restart.start = " + argv(start) + "\nrestart.stop = " + argv({"stop", own, folder});
            text += rule_text(own, keys);
        }
        return text + "[[group]]\nname = \"five\"\nmembers = " + names.dump() + "\n";
    }

    test::TempDir dir_;
    test::Leash marks_pipe_; // held open for writing too: the reader sees no end between two marks
    test::Leash leash_;
    test::LineReader marks_;
    test::Daemon daemon_;
};

} // namespace nezuban::bench
