#include "io/proc_thread.hpp"

#include "io/threads.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <utility>

namespace nezuban {

namespace {

using Path = std::array<char, 32>;

Path path_of(std::uint32_t tid, const char* file) {
    Path path{};
    std::snprintf(path.data(), path.size(), "%u/%s", tid, file);
    return path;
}

// What is left of the line behind its key; empty: no such line.
std::string_view value_of(std::string_view text, std::string_view key) {
    const auto at = text.find(key);
    if (at == std::string_view::npos) return {};
    text.remove_prefix(at + key.size());
    text = text.substr(0, text.find('\n'));
    return text.substr(std::min(text.size(), text.find_first_not_of("\t ")));
}

std::uint64_t number_in(std::string_view text, int base = 10) {
    if (base == 16 && text.starts_with("0x")) text.remove_prefix(2);
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number, base);
    return number;
}

std::string_view take_word(std::string_view& text) {
    text.remove_prefix(std::min(text.size(), text.find_first_not_of(" \n")));
    const auto word = text.substr(0, text.find_first_of(" \n"));
    text.remove_prefix(word.size());
    return word;
}

} // namespace

std::optional<Syscall> parse_syscall(std::string_view text) {
    Syscall call;
    const auto first = take_word(text);
    if (std::from_chars(first.data(), first.data() + first.size(), call.number).ec != std::errc() || call.number < 0)
        return std::nullopt; // "running", or -1 for a wait in none
    for (auto& argument : call.args)
        argument = number_in(take_word(text), 16);
    constexpr std::uint64_t four_gib = 1ULL << 32U;
    const auto stack = number_in(take_word(text), 16);
    const auto address = number_in(take_word(text), 16);
    call.compat = sizeof(void*) == 8 && stack < four_gib && address < four_gib;
    return call;
}

std::vector<std::string> parse_stack(std::string_view text) {
    std::vector<std::string> frames;
    while (!text.empty()) {
        auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        const auto name = line.find("] ");
        if (name == std::string_view::npos) continue;
        line.remove_prefix(name + 2);
        std::string frame(line);
        if (const auto slash = frame.find('/'); slash != std::string::npos)
            frame.erase(slash, frame.find(' ', slash) - slash); // its length; a module's name follows
        if (!frame.empty()) frames.push_back(std::move(frame));
    }
    return frames;
}

std::string_view ProcThread::text(const char* file) {
    const auto text = tasks_.read(path_of(tid_, file).data());
    return text && *text ? **text : std::string_view();
}

Result<std::optional<ProcStat>> read_stat(ProcFolder& folder, const char* file) {
    const auto text = folder.read(file);
    if (!text) return std::unexpected(text.error());
    if (!*text) return std::nullopt;
    auto stat = parse_stat(**text);
    if (!stat) return fail("a stat of /proc is not understood: " + std::string(**text));
    return stat;
}

Result<std::optional<ProcStat>> ProcThread::stat() {
    return read_stat(tasks_, path_of(tid_, "stat").data());
}

void ProcThread::add_stat(const ProcStat& stat, ThreadWait& wait) const {
    wait.thread = {.tid = tid_, .start_ns = start_ns(stat)};
    wait.in_namespace = tid_;
    wait.comm = stat.comm;
    wait.state = static_cast<ThreadState>(stat.state);
    wait.kernel_thread = stat.kernel_thread();
    wait.killable_known = false;
    wait.on_cpu = wait.state == ThreadState::running; // or ready to: that is not told
    wait.cpu = duration_of_ticks(stat.user_ticks + stat.system_ticks);
    wait.system = duration_of_ticks(stat.system_ticks);
}

bool ProcThread::add_status(ThreadWait& wait) {
    const auto status = text("status");
    const auto voluntary = value_of(status, "\nvoluntary_ctxt_switches:");
    const auto forced = value_of(status, "\nnonvoluntary_ctxt_switches:");
    const bool counted = !voluntary.empty() && !forced.empty(); // the last lines, behind all of its groups
    wait.voluntary_switches = number_in(voluntary);
    wait.forced_switches = number_in(forced);
    wait.tracer_pid = static_cast<std::uint32_t>(number_in(value_of(status, "\nTracerPid:")));
    // One number for each namespace, from that of /proc to its own.
    const auto numbers = value_of(status, "\nNSpid:");
    const auto inner = numbers.find_last_of("\t ");
    if (inner != std::string_view::npos)
        wait.in_namespace = static_cast<std::uint32_t>(number_in(numbers.substr(inner + 1)));
    wait.pid_namespace =
        inner == std::string_view::npos ? own_pid_namespace() : tasks_.inode(path_of(tid_, "ns/pid").data());
    if (wait.tracer_pid == 0) return counted;
    auto tracer = ProcFolder::of_process(wait.tracer_pid);
    if (!tracer || !*tracer) return counted;
    if (const auto name = (*tracer)->read("comm"); name && *name)
        wait.tracer_comm = (*name)->substr(0, (*name)->find('\n'));
    return counted;
}

void ProcThread::add_syscall(ThreadWait& wait) {
    wait.syscall = parse_syscall(text("syscall"));
    wait.entered_by_syscall = wait.syscall.has_value();
}

void ProcThread::add_stack(ThreadWait& wait) {
    wait.kernel_stack = parse_stack(text("stack"));
}

std::string ProcThread::wchan() {
    const auto where = text("wchan");
    return where == "0" ? std::string() : std::string(where);
}

void read_rest(ThreadWait& wait) {
    auto folder = ProcFolder::tasks_of(wait.process.pid);
    if (!folder || !*folder) return;
    ProcThread thread(**folder, wait.thread.tid);
    const auto stat = thread.stat();
    if (!stat || !*stat || start_ns(**stat) != wait.thread.start_ns) return;
    thread.add_syscall(wait);
    if (wait.to_read >= ToRead::call_and_stack) thread.add_stack(wait);
}

} // namespace nezuban
