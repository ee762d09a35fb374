// What a user can see of a running daemon and of the machine: through the control socket and /proc.
#pragma once

#include "../support/daemon.hpp"
#include "../support/privilege.hpp"
#include "bench.hpp"
#include "control/client.hpp"
#include "proc_scan.hpp"

#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

namespace nezuban::bench {

// Between two measurements, so that what the last one set off has ended.
inline void rest(std::chrono::milliseconds span) {
    std::this_thread::sleep_for(span);
}

// So many idle processes of the name nzb-idle. 20,000 take 6 to 13 s to come, and on a busy machine longer than
// anything else is waited for.
inline test::Child start_sleepers(int count) {
    test::Child sleepers({test::program("nzsleepers"), std::to_string(count), "--name", "nzb-idle", "--life", "600"},
                         {.ends_with_input = true});
    sleepers.read_line(test::after(std::chrono::minutes(2)));
    return sleepers;
}

// The body of every bench: what cannot run here says so, what goes wrong fails.
inline int run_bench(const std::function<void()>& body) {
    if (!test::can_load_bpf()) {
        fmt::print("skipped: {}\n", test::why_no_bpf());
        return 0;
    }
    try {
        body();
    } catch (const std::exception& error) {
        fmt::print("failed: {}\n", error.what());
        return 1;
    }
    return 0;
}

template <typename T> T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().text);
    return std::move(*result);
}

inline nlohmann::json status(const test::Daemon& daemon) {
    const auto answer = must(ask(daemon.socket(), {.verb = Request::Verb::status}, std::chrono::seconds(10)));
    return nlohmann::json::parse(answer.json);
}

inline nlohmann::json rule_in(const nlohmann::json& status, const std::string& name) {
    for (const auto& rule : status.at("rules")) {
        if (rule.at("name") == name) return rule;
    }
    throw std::runtime_error("no rule " + name);
}

// Asks until the rule is so; throws when it doesn't become so.
inline nlohmann::json await_rule(const test::Daemon& daemon, const std::string& name,
                                 const std::function<bool(const nlohmann::json&)>& wanted) {
    for (const auto deadline = test::after();;) {
        auto rule = rule_in(status(daemon), name);
        if (wanted(rule)) return rule;
        if (test::Clock::now() > deadline) throw std::runtime_error("it did not become so: " + rule.dump());
        rest(std::chrono::milliseconds(2));
    }
}

// A rule of a configuration, by comm.
inline std::string rule_text(const std::string& name, const std::string& keys) {
    return "[[process]]\nname = \"" + name + "\"\nmatch.comm = \"" + name + "\"\n" + keys + "\n";
}
// What configs/nezuban.toml sets up for every machine.
inline std::string runaway_rule() {
    return "[[process]]\nname = \"runaway\"\nmatch.any = true\ncount.per = \"exe\"\ncount.min = 0\ncount.max = 30000\n";
}

inline std::string read_text(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

struct Seen {
    pid_t pid = 0;
    pid_t parent = 0;
    char state = '?';
    std::string comm;
};

inline std::vector<Seen> processes() {
    std::vector<Seen> all;
    for_each_pid([&](const std::string& pid) {
        const auto stat = read_text("/proc/" + pid + "/stat");
        const auto open = stat.find('(');
        const auto close = stat.rfind(") ");
        if (open == std::string::npos || close == std::string::npos) return; // gone meanwhile
        Seen seen{.pid = std::stoi(pid), .state = stat[close + 2], .comm = stat.substr(open + 1, close - open - 1)};
        seen.parent = std::stoi(stat.substr(close + 4));
        all.push_back(std::move(seen));
    });
    return all;
}

// Processes that aren't zombies, by name.
inline std::map<std::string, long> living_by_comm() {
    std::map<std::string, long> living;
    for (const auto& seen : processes()) {
        if (seen.state != 'Z' && seen.state != 'X') ++living[seen.comm];
    }
    return living;
}

// The daemon and its helpers.
inline std::vector<pid_t> family_of(pid_t daemon) {
    std::set<pid_t> family{daemon};
    const auto all = processes();
    for (std::size_t before = 0; before != family.size();) {
        before = family.size();
        for (const auto& seen : all) {
            if (family.contains(seen.parent)) family.insert(seen.pid);
        }
    }
    return {family.begin(), family.end()};
}

// Nanoseconds on a processor, of all threads.
inline double cpu_ns(pid_t pid) {
    double sum = 0;
    for (const auto& thread : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid)))
        sum += std::stod(read_text((thread.path() / "schedstat").string()));
    return sum;
}

inline double resident_kb(pid_t pid) {
    const auto text = read_text(fmt::format("/proc/{}/status", pid));
    return std::stod(text.substr(text.find("VmRSS:") + 6));
}

// What the BPF maps that a process holds take, each once.
inline double map_bytes(pid_t pid) {
    std::map<std::string, double> maps;
    for (const auto& file : std::filesystem::directory_iterator(fmt::format("/proc/{}/fdinfo", pid))) {
        const auto text = read_text(file.path().string());
        const auto size = text.find("memlock:");
        const auto id = text.find("map_id:");
        if (size == std::string::npos || id == std::string::npos) continue;
        maps[text.substr(id + 7, text.find('\n', id) - id - 7)] = std::stod(text.substr(size + 8));
    }
    double sum = 0;
    for (const auto& [id, bytes] : maps)
        sum += bytes;
    return sum;
}

} // namespace nezuban::bench
