#include "faults/stage.hpp"

#include "io/proc_stat.hpp"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

namespace nezuban::test {

namespace {

// Helpers that are begun when they are needed (examiner, prober) have a socket each, and an answer may be on its way.
constexpr std::size_t begun_on_demand = 4;
// What an allocator keeps: a campaign whose leak is smaller than this over thousands of turns has none.
constexpr long grown_kib = 16L << 10U;

std::vector<ProcStat> children_of(pid_t parent) {
    std::vector<ProcStat> children;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        if (std::atoi(entry.path().filename().c_str()) == 0) continue;
        std::ifstream file(entry.path() / "stat");
        // Who is gone by now gives nothing.
        auto stat = parse_stat(std::string{std::istreambuf_iterator<char>(file), {}});
        if (stat && stat->ppid == static_cast<std::uint32_t>(parent)) children.push_back(std::move(*stat));
    }
    return children;
}

struct Held {
    std::size_t descriptors = 0;
    std::size_t maps = 0; // BPF maps among them
};

Held held_by(pid_t pid) {
    std::error_code gone;
    Held held;
    for (auto at = std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd", gone);
         !gone && at != std::filesystem::directory_iterator(); at.increment(gone)) {
        ++held.descriptors;
        std::error_code closed;
        if (std::filesystem::read_symlink(at->path(), closed) == "anon_inode:bpf-map") ++held.maps;
    }
    return held;
}

// Empty: it is so.
std::string leak(const Vitals& before, const Vitals& now) {
    std::string what;
    const auto note = [&](const std::string& name, auto was, auto is) {
        what += name + ": " + std::to_string(was) + " -> " + std::to_string(is) + "; ";
    };
    for (const auto& [name, count] : now.descriptors) {
        const auto was = before.descriptors.find(name);
        if (was != before.descriptors.end() && count > was->second + begun_on_demand)
            note("descriptors of " + name, was->second, count);
    }
    if (now.maps > before.maps) note("maps", before.maps, now.maps);
    if (now.processes > before.processes + begun_on_demand) note("processes", before.processes, now.processes);
    if (now.zombies > 0) note("zombies", before.zombies, now.zombies);
    if (now.resident_kib > before.resident_kib + grown_kib) note("resident KiB", before.resident_kib, now.resident_kib);
    return what;
}

} // namespace

std::uint64_t seed() {
    const char* text = std::getenv("NEZUBAN_SEED");
    return text == nullptr ? 1 : std::strtoull(text, nullptr, 10);
}

Dice::Dice(std::string_view campaign) {
    std::uint64_t mixed = seed();
    for (const char c : campaign)
        mixed = mixed * 1099511628211ULL + static_cast<unsigned char>(c);
    generator_.seed(mixed);
}

std::string Dice::bytes(std::size_t count) {
    std::string text(count, '\0');
    for (auto& c : text)
        c = static_cast<char>(roll(256));
    return text;
}

void Dice::let_pass(std::chrono::microseconds at_most) {
    std::this_thread::sleep_for(std::chrono::microseconds(roll(static_cast<std::size_t>(at_most.count()) + 1)));
}

std::string similar_to(std::string name) {
    name.back() = static_cast<char>(std::toupper(name.back()));
    return name;
}

Witness::Witness(const std::string& name) : child_(start_program("nzwitness", {name})) {}

void Witness::check() {
    const auto answer = child_.ask("");
    CHECK(answer == R"({"event": "signals", "count": 0, "first": 0})");
}

Vitals vitals_of(Daemon& daemon) {
    const pid_t self = daemon.child().pid();
    const auto own = held_by(self);
    Vitals vitals{.maps = own.maps, .processes = 1, .resident_kib = resident_kib(self)};
    vitals.descriptors["nezuban"] = own.descriptors;
    for (const auto& child : children_of(self)) {
        ++vitals.processes;
        if (child.state == 'Z') ++vitals.zombies;
        if (child.comm.starts_with("nezuban-"))
            vitals.descriptors[child.comm] = held_by(static_cast<pid_t>(child.id)).descriptors;
    }
    return vitals;
}

void check_no_leak(Daemon& daemon, const Vitals& before) {
    std::string what;
    for (const auto deadline = after(); Clock::now() < deadline;) {
        (void)status_of(daemon); // one more turn of it
        what = leak(before, vitals_of(daemon));
        if (what.empty()) break;
    }
    CHECK(what == "");
}

Diary::Diary(std::string path) : path_(std::move(path)) {
    std::ofstream(path_, std::ios::app) << std::flush;
}

std::string Diary::then(const std::vector<std::string>& argv) const {
    return then_script("exec \"$@\"", argv);
}

std::string Diary::then_script(const std::string& text, const std::vector<std::string>& arguments) const {
    std::vector<std::string> words{path_};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return script("echo $$ >>\"$1\"; shift; " + text, words);
}

std::size_t Diary::lines() const {
    std::ifstream file(path_);
    return static_cast<std::size_t>(
        std::count(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>(), '\n'));
}

Service::Service(const TempDir& dir, const Leash& leash, const std::string& keys)
    : name(fresh_name()), diary(dir.file("diary-" + name)),
      text(rule(name, "restart.settle = \"0s\"\nrestart.delay = \"0s\"\nrestart.attempts = 100\nrestart.command = "
                          + diary.then(detached(name, leash)) + "\n" + keys)) {}

pid_t Service::await_pid(const Daemon& daemon) const {
    return only_pid(
        await_rule(daemon, name, [](const json& rule) { return rule["state"] == "ok" && rule["pids"].size() == 1; }));
}

void Service::check_restarts(const Daemon& daemon, std::size_t restarts) const {
    CHECK(diary.lines() == restarts);
    CHECK(rule_status(daemon, name)["restart"]["attempts_used"] == restarts);
    await_history(daemon, name, "restart", restarts);
}

void end(pid_t pid) {
    const auto fd = open_pidfd(pid);
    if (fd.get() < 0) return; // so soon
    ::syscall(SYS_pidfd_send_signal, fd.get(), SIGKILL, nullptr, 0);
    if (!wait_readable(fd.get(), after())) throw std::runtime_error("SIGKILL does not end it");
}

std::map<std::string, std::size_t> history_of(const Daemon& daemon, const std::string& rule) {
    const auto answer = daemon.ask({"events", "--json", "--rule", rule, "-n", "1000000"});
    std::map<std::string, std::size_t> counts;
    if (answer.errors.find("there is no history") != std::string::npos) return counts; // no disk yet
    if (answer.exit_code != 0) throw std::runtime_error("events: " + answer.errors);
    std::string line;
    for (std::istringstream lines(answer.out); std::getline(lines, line);)
        ++counts[json::parse(line).at("event").get<std::string>()];
    return counts;
}

void await_history(const Daemon& daemon, const std::string& rule, const std::string& event, std::size_t count) {
    std::size_t found = 0;
    for (const auto deadline = after(); Clock::now() < deadline;) {
        found = history_of(daemon, rule)[event];
        if (found >= count) break;
    }
    INFO("events '" << event << "' of " << rule);
    CHECK(found == count);
}

} // namespace nezuban::test
