// The daemon as a whole: with a folder, a socket and a history of its own, seen only through what users see.
#pragma once

#include "child.hpp"
#include "temp_dir.hpp"

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <sys/socket.h>
#include <sys/un.h>

namespace nezuban::test {

// What systemd would hear: sd_notify needs nothing but a datagram socket.
class NotifySocket {
public:
    explicit NotifySocket(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (path.size() >= sizeof address.sun_path) throw std::runtime_error("too long for a socket: " + path);
        std::memcpy(address.sun_path, path.c_str(), path.size());
        if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            fail_with_errno("binding " + path);
    }

    // One message, its assignments a line each. sender: a pidfd; throws at once when it ended without another word.
    std::string next(Deadline deadline = after(), int sender = -1) {
        if (!wait_readable(fd_.get(), deadline, sender)) throw std::runtime_error("no notification in time");
        char bytes[4096];
        const ssize_t got = ::recv(fd_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN) throw std::runtime_error("it ended instead of notifying");
        if (got < 0) fail_with_errno("recv");
        return {bytes, static_cast<std::size_t>(got)};
    }

    // What came until now is nobody's any more.
    void forget() {
        char byte = 0;
        while (::recv(fd_.get(), &byte, 1, MSG_DONTWAIT) >= 0) {
        }
    }

    // Messages until one that holds the assignment as a line of its own; that one is returned.
    std::string await(const std::string& assignment, Deadline deadline = after(), int sender = -1) {
        for (;;) {
            std::string message = next(deadline, sender);
            if (("\n" + message + "\n").find("\n" + assignment + "\n") != std::string::npos) return message;
        }
    }

private:
    Fd fd_;
};

struct Answer {
    int exit_code = 0;
    std::string out;
    std::string errors;
};

class Daemon {
public:
    // rules: the configuration but its [daemon] section; daemon_keys: lines for that section.
    explicit Daemon(const std::string& rules, const std::string& daemon_keys = "")
        : notify_(dir_.file("service-manager")), daemon_keys_(daemon_keys) {
        configure(rules);
    }

    // Writes the configuration; a running daemon isn't told.
    void configure(const std::string& rules) {
        config_ = dir_.write("nezuban.toml", "[daemon]\nstate_dir = \"" + dir_.file("state") + "\"\nsocket = \""
                                                 + socket() + "\"\n" + daemon_keys_ + "\n" + rules);
    }

    // Returns when it says READY=1; throws with its log when it ends instead.
    void start(std::vector<std::pair<std::string, std::string>> environment = {}) {
        notify_.forget(); // the last words of one that was killed: it isn't he who is ready
        environment.emplace_back("NOTIFY_SOCKET", dir_.file("service-manager"));
        child_ = std::make_unique<Child>(
            logged(withholding({nezuban_binary(), "run", "-c", config_})),
            ChildOptions{.environment = std::move(environment), .directory = {}, .own_errors = false});
        try {
            notify_.await("READY=1", after(), child_->pidfd());
        } catch (const std::exception& error) {
            throw std::runtime_error(std::string(error.what()) + "; the daemon's log:\n" + log());
        }
    }

    // A verb, with this daemon's configuration and socket: ask({"status", "--json"}).
    Answer ask(std::vector<std::string> verb, Deadline deadline = after()) const {
        const bool looks = verb.front() == "match" || verb.front() == "explain" || verb.front() == "doctor";
        verb.insert(verb.begin(), nezuban_binary());
        if (looks) verb = withholding(std::move(verb));
        for (const auto& word : {std::string("-c"), config_, std::string("--socket"), socket()})
            verb.push_back(word);
        Child child(verb, {.own_errors = true});
        child.close_input();
        Answer answer;
        answer.out = child.read_rest(deadline);
        answer.errors = child.errors().rest(deadline);
        answer.exit_code = child.wait(deadline).exit_code;
        return answer;
    }

    // SIGTERM, or another; returns how it ended.
    Ending stop(int number = SIGTERM) {
        child_->signal(number);
        const Ending ending = child_->wait();
        child_.reset();
        return ending;
    }

    [[nodiscard]] Child& child() {
        return *child_;
    }
    [[nodiscard]] NotifySocket& notifications() {
        return notify_;
    }
    [[nodiscard]] const TempDir& dir() const {
        return dir_;
    }
    [[nodiscard]] const std::string& config() const {
        return config_;
    }
    [[nodiscard]] std::string socket() const {
        return dir_.file("control.sock");
    }
    // Both of its streams, of all its runs.
    [[nodiscard]] std::string log() const {
        return dir_.read("log");
    }

private:
    // The same stories in other modes: NEZUBAN_WITHOUT=bpf, or =bpf,connector.
    static std::vector<std::string> withholding(std::vector<std::string> argv) {
        const char* names = std::getenv("NEZUBAN_WITHOUT");
        if (names != nullptr && *names != '\0') argv.push_back(std::string("--without=") + names);
        return argv;
    }
    // To a file, because nobody reads a pipe of it while the test waits for something else.
    [[nodiscard]] std::vector<std::string> logged(const std::vector<std::string>& argv) const {
        // WATCHDOG_PID as systemd would set it: it means nothing without WATCHDOG_USEC.
        std::vector<std::string> shell{"/bin/sh", "-c",
                                       "export WATCHDOG_PID=$$; exec \"$@\" >>'" + dir_.file("log") + "' 2>&1", "sh"};
        shell.insert(shell.end(), argv.begin(), argv.end());
        return shell;
    }

    TempDir dir_;
    NotifySocket notify_;
    std::string daemon_keys_;
    std::string config_;
    std::unique_ptr<Child> child_;
};

} // namespace nezuban::test
