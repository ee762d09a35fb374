#include "handover/clusterpro_stage.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <sys/stat.h>

namespace nezuban::test::clusterpro {

namespace {

namespace fs = std::filesystem;

// A thread name with our pid in it: no rule of ours ever means a process that we didn't start.
std::string fresh_service() {
    static int number = 0;
    const int this_one = number++;
    return "nzclp" + std::to_string(::getpid()) + static_cast<char>('a' + this_one / 26 % 26)
           + static_cast<char>('a' + this_one % 26);
}

bool is_number(const std::string& text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// Those of that name that live; each as a pidfd, which can't become somebody else.
std::vector<Fd> processes_of(const std::string& name) {
    std::vector<Fd> found;
    for (const auto& entry : fs::directory_iterator("/proc")) {
        const auto pid = entry.path().filename().string();
        if (!is_number(pid)) continue;
        Fd fd = open_pidfd(std::stol(pid)); // before it is looked at
        std::ifstream file(entry.path() / "stat");
        std::string stat;
        std::getline(file, stat);
        const auto close = stat.rfind(')');
        if (fd.get() < 0 || close == std::string::npos || close + 2 >= stat.size()) continue;
        if (stat.find(" (" + name + ") ") != std::string::npos && stat[close + 2] != 'Z')
            found.push_back(std::move(fd));
    }
    return found;
}

std::string executable(const TempDir& dir, const std::string& name, const std::string& text) {
    fs::create_directories(fs::path(dir.file(name)).parent_path());
    const auto path = dir.write(name, "#!/bin/sh\n" + text + "\n");
    ::chmod(path.c_str(), 0700);
    return path;
}

} // namespace

Machine::Machine(std::string name, Shape shape, const Rule& rule)
    : name_(std::move(name)), service_(fresh_service()), leash_(dir_.file("leash")), daemon_(configuration(rule)) {
    executable(dir_, "start-service",
               "echo start >>" + dir_.file("starts") + "\nexec " + program("nzidle") + " --detach --leash "
                   + leash_.path() + " --name " + service_);
    executable(dir_, "bin/clplogcmd", "echo \"$*\" >>" + dir_.file("alerts"));

    // As an integrator installs a second instance: links, and a nezuban.conf of its own.
    fs::create_directory(dir_.file("failover1"));
    for (const auto& entry : fs::directory_iterator(NEZUBAN_SOURCE_DIR "/scripts/clusterpro"))
        if (entry.is_regular_file() && entry.path().filename() != "nezuban.conf")
            fs::create_symlink(entry.path(), fs::path(dir_.file("failover1")) / entry.path().filename());
    dir_.write("failover1/nezuban.conf",
               std::string("NAMES=shop\nSHAPE=") + (shape == Shape::systemd ? "systemd" : "foreground")
                   + "\nNEZUBAN=" + nezuban_binary() + "\nCONFIG=" + daemon_.config() + "\nRUN_DIR=" + dir_.file("run")
                   + "\nEVIDENCE_DIR=" + dir_.file("evidence") + "\n");
}

Machine::~Machine() {
    leash_.let_go();
    try {
        stop_service();
    } catch (const std::exception&) {
        return; // it ends with its leash
    }
}

std::string Machine::configuration(const Rule& rule) const {
    const auto start = rule.mends ? dir_.file("start-service") : std::string("/bin/false");
    return "[[process]]\nname = \"shop\"\nmatch.comm = \"" + service_ + "\"\nrestart.command = "
           + nlohmann::json({dir_.file("failover1/if-active.sh"), start}).dump() + "\nrestart.attempts = "
           + std::to_string(rule.attempts) + "\nrestart.delay = \"50ms\"\nrestart.settle = \"0s\"\n" + rule.more + "\n";
}

Environment Machine::environment() const {
    const char* path = std::getenv("PATH");
    return {{"PATH", dir_.file("bin") + ":" + (path != nullptr ? path : "/usr/bin:/bin")}};
}

void Machine::boot() {
    daemon_.start();
    const auto standby = run("standby.sh");
    if (standby.exit_code != 0 || standby.timed_out) throw std::runtime_error("standby.sh: " + standby.output);
}

void Machine::lose_power() {
    daemon_.stop(SIGKILL);
    stop_service();
    fs::remove_all(dir_.file("run"));
}

Node Machine::node() {
    return {.name = name_,
            .scripts = dir_.file("failover1"),
            .environment = environment(),
            .start_service = [this] { start_service(); },
            .stop_service = [this] { stop_service(); }};
}

ScriptResult Machine::run(const std::string& script, const Environment& more, const std::vector<std::string>& arguments,
                          std::chrono::milliseconds limit) const {
    std::vector<std::string> argv{dir_.file("failover1/" + script)};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    auto all = environment();
    all.insert(all.end(), more.begin(), more.end());
    return run_script(argv, all, limit);
}

void Machine::set(const std::string& line) const {
    dir_.write("failover1/nezuban.conf", dir_.read("failover1/nezuban.conf") + line + "\n");
}

void Machine::start_service() const {
    if (service_runs()) return;
    Child starter({program("nzidle"), "--detach", "--leash", leash_.path(), "--name", service_});
    starter.read_line(); // it is ready
    starter.wait();
}

void Machine::stop_service() const {
    for (const auto& process : processes_of(service_)) {
        ::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
        if (!wait_readable(process.get(), after())) throw std::runtime_error(service_ + " does not end");
    }
}

bool Machine::service_runs() const {
    return !processes_of(service_).empty();
}

std::size_t Machine::starts_by_nezuban() const {
    return static_cast<std::size_t>(std::ranges::count(dir_.read("starts"), '\n'));
}

void Machine::await_start_by_nezuban() const {
    for (const auto deadline = after(); starts_by_nezuban() == 0;)
        if (Clock::now() > deadline) throw std::runtime_error("no start: " + rule().dump());
}

void Machine::await_alert(const std::string& text) const {
    for (const auto deadline = after(); alerts().find(text) == std::string::npos;)
        if (Clock::now() > deadline) throw std::runtime_error("no alert of " + text + ": " + alerts());
}

nlohmann::json Machine::rule() const {
    const auto answer = daemon_.ask({"status", "--json", "shop"});
    if (answer.exit_code != 0) throw std::runtime_error("status: " + answer.errors);
    return nlohmann::json::parse(answer.out).at("rules").at(0);
}

nlohmann::json Machine::await_rule(const std::string& state) const {
    return await_rule([&](const nlohmann::json& rule) { return rule.at("state") == state; });
}

nlohmann::json Machine::await_rule(const std::function<bool(const nlohmann::json&)>& wanted) const {
    for (const auto deadline = after();;) {
        const auto answer = daemon_.ask({"status", "--json", "shop"});
        if (answer.exit_code == 0) {
            auto rule = nlohmann::json::parse(answer.out).at("rules").at(0);
            if (wanted(rule)) return rule;
        }
        if (Clock::now() > deadline) throw std::runtime_error("it did not become so: " + answer.out + answer.errors);
    }
}

} // namespace nezuban::test::clusterpro
