// What the stories of keepalived, Nagios and systemd share: a daemon as one node of a cluster sees it, and programs of
// others that ask it.
#pragma once

#include "support/daemon.hpp"
#include "support/events.hpp"
#include "support/leash.hpp"
#include "support/privilege.hpp"
#include "support/skip.hpp"

#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

namespace nezuban::test::node {

// A thread name (15 bytes at most) with our pid in it: no rule of ours ever means a process that we didn't start.
inline std::string fresh_name() {
    static int number = 0;
    return "nznode-" + std::to_string(::getpid()) + static_cast<char>('a' + number++ % 26);
}

// As a TOML array, which is written like JSON's.
inline std::string command(const std::vector<std::string>& argv) {
    return nlohmann::json(argv).dump();
}

inline std::string rule(const std::string& name, const std::string& keys = "") {
    return "[[process]]\nname = \"" + name + "\"\nmatch.comm = \"" + name + "\"\n" + keys + "\n";
}

// Starts a service of that name in the background, which lives until the leash is let go.
inline std::vector<std::string> detached(const std::string& name, const Leash& leash) {
    return {program("nzidle"), "--detach", "--leash", leash.path(), "--name", name};
}

inline std::string source(const std::string& path) {
    return std::string(NEZUBAN_SOURCE_DIR "/") + path;
}

// A named pipe: what others write to it (with >) is read here, line by line.
class Mailbox {
public:
    explicit Mailbox(std::string path) : path_(std::move(path)) {
        if (::mkfifo(path_.c_str(), 0600) != 0) fail_with_errno("mkfifo " + path_);
        Fd both(::open(path_.c_str(), O_RDWR | O_CLOEXEC)); // both ends, so that it never ends
        if (both.get() < 0) fail_with_errno("opening " + path_);
        reader_ = LineReader(std::move(both));
    }
    std::string next(Deadline deadline = after()) {
        return *reader_.next(deadline);
    }
    void await(const std::string& line, Deadline deadline = after()) {
        while (next(deadline) != line) {
        }
    }
    void send(const std::string& line) const {
        const std::string text = line + "\n";
        const Fd end(::open(path_.c_str(), O_WRONLY | O_CLOEXEC));
        if (::write(end.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
            fail_with_errno("writing to " + path_);
    }
    [[nodiscard]] const std::string& path() const {
        return path_;
    }

private:
    std::string path_;
    LineReader reader_{Fd()};
};

using Environment = std::vector<std::pair<std::string, std::string>>;

// A program to its end: throws when that doesn't come in time. own_errors: standard error apart, else it is the test's.
inline Answer run(const std::vector<std::string>& argv, const Environment& environment = {},
                  Deadline deadline = after()) {
    Child child(argv, {.environment = environment, .directory = {}, .own_errors = true});
    child.close_input();
    Answer answer;
    answer.out = child.read_rest(deadline);
    answer.errors = child.errors().rest(deadline);
    answer.exit_code = child.wait(deadline).exit_code;
    return answer;
}

// The same, of a preparation that has to succeed.
inline std::string must(const std::vector<std::string>& argv, Deadline deadline = after()) {
    const auto answer = run(argv, {}, deadline);
    if (answer.exit_code == 0) return answer.out;
    std::string words;
    for (const auto& word : argv)
        words += word + " ";
    throw std::runtime_error(words + "failed: " + answer.errors + answer.out);
}

inline bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

} // namespace nezuban::test::node

#define NEEDS_DAEMON()                                                                                                 \
    if (!nezuban::test::can_load_bpf()) SKIP(nezuban::test::why_no_bpf())
