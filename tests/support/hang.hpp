// Programs that hang (tests/programs/nzlock.cpp, nzstuck.cpp), and what is done to make others hang.
#pragma once

#include "child.hpp"
#include "temp_dir.hpp"

#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace nezuban::test {

// A helper program, and what it says of itself: it has said that it is as its kind wants it to be.
class Actor {
public:
    // name: of its process. words: KIND and its arguments.
    Actor(std::string_view program_name, std::vector<std::string> words, const std::string& name,
          ChildOptions options = {.ends_with_input = true})
        : child_(line_of(program_name, std::move(words), name), options), said_(next()) {
        if (said_.at("event") != "ready") throw std::runtime_error("not ready: " + said_.dump());
    }

    // A command, and its answer.
    nlohmann::json tell(std::string_view command) {
        child_.send(command);
        return next();
    }
    [[nodiscard]] const nlohmann::json& said() const {
        return said_;
    }
    [[nodiscard]] pid_t pid() const {
        return child_.pid();
    }
    [[nodiscard]] Child& child() {
        return child_;
    }

private:
    static std::vector<std::string> line_of(std::string_view program_name, std::vector<std::string> words,
                                            const std::string& name) {
        words.insert(words.begin(), program(program_name));
        words.insert(words.end(), {"--name", name});
        return words;
    }
    nlohmann::json next() {
        return nlohmann::json::parse(child_.read_line());
    }

    Child child_;
    nlohmann::json said_;
};

// A connection to a helper's port, or its Unix socket, with some bytes sent.
class Client {
public:
    explicit Client(int port, int type = SOCK_STREAM) : fd_(::socket(AF_INET, type | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        enter(reinterpret_cast<const sockaddr*>(&address), sizeof address);
    }
    explicit Client(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (path.size() >= sizeof address.sun_path) throw std::runtime_error("too long for a socket: " + path);
        std::memcpy(address.sun_path, path.c_str(), path.size());
        enter(reinterpret_cast<const sockaddr*>(&address), sizeof address);
    }
    [[nodiscard]] int fd() const {
        return fd_.get();
    }

private:
    void enter(const sockaddr* address, socklen_t size) {
        if (::connect(fd_.get(), address, size) != 0 || ::send(fd_.get(), "hello", 5, MSG_NOSIGNAL) != 5)
            fail_with_errno("talking to a helper");
    }

    Fd fd_;
};

// A cgroup of the test's own, that can be frozen.
class FreezerGroup {
public:
    static bool possible() {
        return ::access("/sys/fs/cgroup/freezer/cgroup.procs", W_OK) == 0;
    }
    explicit FreezerGroup(const std::string& name) : path_("/sys/fs/cgroup/freezer/" + name) {
        if (::mkdir(path_.c_str(), 0700) != 0) fail_with_errno("mkdir " + path_);
    }
    ~FreezerGroup() {
        write_to(path_ + "/freezer.state", "THAWED");
        std::ifstream members(path_ + "/cgroup.procs");
        for (std::string pid; members >> pid;)
            write_to("/sys/fs/cgroup/freezer/cgroup.procs", pid);
        ::rmdir(path_.c_str());
    }
    FreezerGroup(const FreezerGroup&) = delete;
    FreezerGroup& operator=(const FreezerGroup&) = delete;
    FreezerGroup(FreezerGroup&&) = delete;
    FreezerGroup& operator=(FreezerGroup&&) = delete;

    void add(pid_t pid) const {
        if (!write_to(path_ + "/cgroup.procs", std::to_string(pid))) throw std::runtime_error("moving to " + path_);
    }
    // Returns when all of it is frozen.
    void freeze(Deadline deadline = after()) const {
        if (!write_to(path_ + "/freezer.state", "FROZEN")) throw std::runtime_error("freezing " + path_);
        for (std::string state; state != "FROZEN"; std::ifstream(path_ + "/freezer.state") >> state)
            if (Clock::now() > deadline) throw std::runtime_error("it does not freeze: " + path_);
    }

private:
    static bool write_to(const std::string& path, const std::string& text) {
        std::ofstream out(path);
        out << text << std::flush;
        return out.good();
    }

    std::string path_;
};

// Holds a child of the calling thread like a debugger does.
class Debugger {
public:
    explicit Debugger(pid_t pid) : pid_(pid) {
        if (::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) != 0) fail_with_errno("PTRACE_SEIZE");
        if (::ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr) != 0) fail_with_errno("PTRACE_INTERRUPT");
        if (::waitpid(pid, nullptr, __WALL) != pid) fail_with_errno("waiting for the traced child");
    }
    ~Debugger() {
        let_go();
    }
    Debugger(const Debugger&) = delete;
    Debugger& operator=(const Debugger&) = delete;
    Debugger(Debugger&&) = delete;
    Debugger& operator=(Debugger&&) = delete;

    void let_go() {
        if (pid_ > 0) ::ptrace(PTRACE_DETACH, std::exchange(pid_, -1), nullptr, nullptr);
    }

private:
    pid_t pid_;
};

// Gone, or a zombie of whoever started it.
inline bool is_dead(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string stat;
    std::getline(file, stat);
    const auto close = stat.rfind(')');
    return close == std::string::npos || close + 2 >= stat.size() || stat[close + 2] == 'Z' || stat[close + 2] == 'X';
}

// Why no file system can be frozen here; empty when one can.
inline std::string why_no_frozen_disk() {
    if (::geteuid() != 0) return "needs root to freeze a file system";
    if (::access("/dev/loop-control", R_OK | W_OK) != 0) return "no loop devices (/dev/loop-control)";
    for (const auto* folder : {"/sbin/", "/usr/sbin/", "/usr/local/sbin/"})
        if (::access((std::string(folder) + "mkfs.ext4").c_str(), X_OK) == 0) return {};
    return "no mkfs.ext4";
}

} // namespace nezuban::test
