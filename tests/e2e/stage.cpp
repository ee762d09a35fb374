#include "e2e/stage.hpp"

#include <algorithm>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nezuban::test {

std::string fresh_name() {
    static int number = 0;
    const int this_one = number++;
    std::string name = "nze2e-" + std::to_string(::getpid());
    name += static_cast<char>('a' + this_one / 26 % 26);
    name += static_cast<char>('a' + this_one % 26);
    return name;
}

std::string command(const std::vector<std::string>& argv) {
    return json(argv).dump(); // TOML's basic strings and arrays are written like JSON's
}

std::string script(const std::string& text, const std::vector<std::string>& arguments) {
    std::vector<std::string> argv{"/bin/sh", "-c", text, "sh"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return command(argv);
}

std::string rule(const std::string& name, const std::string& keys) {
    return "[[process]]\nname = \"" + name + "\"\nmatch.comm = \"" + name + "\"\n" + keys + "\n";
}

std::vector<std::string> detached(const std::string& name, const Leash& leash, std::vector<std::string> first) {
    const std::vector<std::string> service{program("nzidle"), "--detach", "--leash", leash.path(), "--name", name};
    first.insert(first.end(), service.begin(), service.end());
    return first;
}

Mailbox::Mailbox(std::string path) : path_(std::move(path)) {
    if (::mkfifo(path_.c_str(), 0600) != 0) fail_with_errno("mkfifo " + path_);
    Fd both(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
    if (both.get() < 0) fail_with_errno("opening " + path_);
    reader_ = LineReader(std::move(both));
}

json status_of(const Daemon& daemon) {
    const auto answer = daemon.ask({"status", "--json"});
    if (answer.exit_code != 0) throw std::runtime_error("status: " + answer.errors);
    return json::parse(answer.out);
}

json rule_status(const Daemon& daemon, const std::string& name) {
    const auto answer = daemon.ask({"status", "--json", name});
    if (answer.exit_code != 0) throw std::runtime_error("status " + name + ": " + answer.errors);
    return json::parse(answer.out).at("rules").at(0);
}

pid_t only_pid(const json& rule) {
    const auto& pids = rule.at("pids");
    if (pids.size() != 1) throw std::runtime_error("not one process: " + rule.dump());
    return pids.at(0).get<pid_t>();
}

json await_rule(const Daemon& daemon, const std::string& name, const std::function<bool(const json&)>& wanted) {
    for (const auto deadline = after();;) {
        auto status = rule_status(daemon, name);
        if (wanted(status)) return status;
        if (Clock::now() > deadline) throw std::runtime_error("it did not become so: " + status.dump());
    }
}

void await_log(const Daemon& daemon, const std::string& text) {
    const Fd watch(::inotify_init1(IN_CLOEXEC));
    if (::inotify_add_watch(watch.get(), daemon.dir().file("log").c_str(), IN_MODIFY) < 0)
        fail_with_errno("watching the log");
    for (const auto deadline = after(); daemon.log().find(text) == std::string::npos;) {
        if (!wait_readable(watch.get(), deadline))
            throw std::runtime_error("the log does not say '" + text + "':\n" + daemon.log());
        char changes[4096];
        (void)!::read(watch.get(), changes, sizeof changes);
    }
}

pid_t helper_of(Daemon& daemon, const std::string& name) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const auto pid = entry.path().filename().string();
        if (!std::ranges::all_of(pid, [](char c) { return c >= '0' && c <= '9'; })) continue;
        std::ifstream file(entry.path() / "stat");
        std::string stat;
        std::getline(file, stat);
        const auto close = stat.rfind(')');
        if (close == std::string::npos || stat.find(" (" + name + ") ") == std::string::npos) continue;
        char state = 0;
        pid_t parent = 0;
        std::istringstream(stat.substr(close + 1)) >> state >> parent;
        if (parent == daemon.child().pid() && state != 'Z') return std::stoi(pid);
    }
    throw std::runtime_error("the daemon has no " + name);
}

pid_t await_helper(Daemon& daemon, const std::string& name) {
    for (const auto deadline = after();;) {
        try {
            return helper_of(daemon, name);
        } catch (const std::runtime_error&) {
            if (Clock::now() > deadline) throw;
        }
    }
}

void await_scribe(const Daemon& daemon) {
    const Fd lock(::open(daemon.dir().file("state/lock").c_str(), O_RDWR | O_CLOEXEC));
    if (lock.get() < 0 || ::flock(lock.get(), LOCK_EX) != 0) fail_with_errno("waiting for the scribe");
}

std::int64_t nanoseconds_of(const json& event) {
    const auto text = event.at("time").get<std::string>();
    std::tm parts{};
    const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest == nullptr || *rest != '.' || text.size() != 30) throw std::runtime_error("not a time: " + text);
    return ::timegm(&parts) * 1'000'000'000LL + std::stoll(rest + 1);
}

std::size_t count_of(const Daemon& daemon, const std::string& rule, const std::string& event) {
    const auto answer = daemon.ask({"events", "--json", "--rule", rule});
    if (answer.exit_code != 0) throw std::runtime_error("events: " + answer.errors);
    std::size_t count = 0;
    std::string line;
    for (std::istringstream lines(answer.out); std::getline(lines, line);)
        if (json::parse(line).at("event") == event) ++count;
    return count;
}

long resident_kib(pid_t pid) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmRSS:")) return std::stol(line.substr(6));
    throw std::runtime_error("no memory of process " + std::to_string(pid));
}

bool is_sanitized(pid_t pid) {
    std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
    for (std::string line; std::getline(maps, line);)
        if (line.find("/libasan.so") != std::string::npos) return true;
    return false;
}

} // namespace nezuban::test
