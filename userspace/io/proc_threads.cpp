#include "io/proc_threads.hpp"

#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>

#include <dirent.h>
#include <fmt/format.h>
#include <unistd.h>

namespace nezuban {

namespace {

Duration of_ticks(std::uint64_t ticks) {
    static const auto per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
    return Duration(static_cast<Duration::rep>(ticks * 1'000'000'000ULL / per_second));
}

// "77 (a) name) S 1 ...": a name may hold anything, so what follows it is counted from its last bracket.
bool read_stat(const std::string& folder, ThreadWait& wait) {
    std::ifstream in(folder + "/stat");
    std::string text((std::istreambuf_iterator<char>(in)), {});
    const auto open = text.find('(');
    const auto close = text.rfind(')');
    if (open == std::string::npos || close == std::string::npos) return false;
    wait.comm = text.substr(open + 1, close - open - 1);
    std::istringstream rest(text.substr(close + 1));
    std::array<std::string, 20> fields;
    for (auto& field : fields)
        rest >> field;
    if (!rest || fields[0].empty()) return false;
    const auto number = [&](std::size_t i) { return std::strtoull(fields.at(i).c_str(), nullptr, 10); };
    wait.state = static_cast<ThreadState>(fields[0].front());
    constexpr std::uint64_t kernel_thread = 0x200000; // PF_KTHREAD
    wait.kernel_thread = (number(6) & kernel_thread) != 0;
    wait.cpu = of_ticks(number(11) + number(12));
    wait.system = of_ticks(number(12));
    wait.thread.start_ns = static_cast<std::uint64_t>(of_ticks(number(19)).count());
    return true;
}

void read_switches(const std::string& folder, ThreadWait& wait) {
    std::ifstream in(folder + "/status");
    for (std::string line; std::getline(in, line);) {
        std::istringstream words(line);
        std::string key;
        words >> key;
        if (key == "voluntary_ctxt_switches:") words >> wait.voluntary_switches;
        if (key == "nonvoluntary_ctxt_switches:") words >> wait.forced_switches;
    }
}

// "202 0x7f… 0x80 … sp pc"; "running"; "-1 sp pc" for a wait in no system call.
void read_syscall(const std::string& folder, ThreadWait& wait) {
    std::ifstream in(folder + "/syscall");
    Syscall call;
    if (!(in >> call.number) || call.number < 0) return;
    for (auto& argument : call.args) {
        std::string text;
        in >> text;
        argument = std::strtoull(text.c_str(), nullptr, 16);
    }
    wait.syscall = call;
    wait.entered_by_syscall = true;
}

// "[<0>] futex_wait+0x7a/0x120"
void read_stack(const std::string& folder, ThreadWait& wait) {
    std::ifstream in(folder + "/stack");
    for (std::string line; std::getline(in, line);) {
        auto frame = line.substr(std::min(line.size(), line.find("] ") + 2));
        if (const auto slash = frame.find('/'); slash != std::string::npos)
            frame.erase(slash, frame.find(' ', slash) - slash);
        if (!frame.empty()) wait.kernel_stack.push_back(std::move(frame));
    }
}

} // namespace

std::vector<ThreadWait> read_threads(std::uint32_t pid) {
    std::vector<ThreadWait> threads;
    const auto tasks = fmt::format("/proc/{}/task", pid);
    const std::unique_ptr<DIR, decltype([](DIR* directory) { ::closedir(directory); })> directory(
        ::opendir(tasks.c_str()));
    if (!directory) return threads;
    std::uint64_t process_start = 0;
    while (const auto* entry = ::readdir(directory.get())) { // NOLINT(concurrency-mt-unsafe): ours alone
        const auto tid = static_cast<std::uint32_t>(std::strtoul(entry->d_name, nullptr, 10));
        if (tid == 0) continue;
        const auto folder = tasks + "/" + entry->d_name;
        ThreadWait wait{.process = {.pid = pid}, .thread = {.tid = tid}, .in_namespace = tid};
        if (!read_stat(folder, wait)) continue;
        read_switches(folder, wait);
        if (wait.state != ThreadState::running) {
            read_syscall(folder, wait);
            read_stack(folder, wait);
        }
        if (tid == pid) process_start = wait.thread.start_ns;
        threads.push_back(std::move(wait));
    }
    for (auto& wait : threads)
        wait.process.start_ns = process_start;
    return threads;
}

} // namespace nezuban
