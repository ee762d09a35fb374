#include "probe/decode.hpp"

#include <cstring>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nezuban/events.h>

namespace nezuban {

namespace {

Time at(__u64 ns) {
    return Time(Duration(static_cast<Duration::rep>(ns)));
}

std::string name(const char (&comm)[NZ_COMM]) {
    return {comm, strnlen(comm, NZ_COMM)};
}

// "scand\0bin\0opt\0" -> "/opt/bin/scand"
std::string path_of(std::string_view components) {
    std::vector<std::string_view> parts;
    while (!components.empty()) {
        const auto end = components.find('\0');
        if (end == std::string_view::npos) break;
        parts.push_back(components.substr(0, end));
        components.remove_prefix(end + 1);
    }
    std::string path;
    for (const auto& part : parts | std::views::reverse) {
        path += '/';
        path += part;
    }
    return path.empty() ? "/" : path;
}

template <typename Record> const Record* as(std::span<const std::byte> bytes) {
    return bytes.size() >= sizeof(Record) ? reinterpret_cast<const Record*>(bytes.data()) : nullptr;
}

std::optional<Stamped> decode_fork(const nz_fork& fork) {
    return Stamped{at(fork.head.time_ns), Forked{.child = decode(fork.child),
                                                 .parent = {.pid = fork.parent_pid, .start_ns = fork.parent_start_ns},
                                                 .shares_memory = (fork.flags & NZ_FORK_SHARES_MEMORY) != 0}};
}

std::optional<Stamped> decode_exec(std::span<const std::byte> record, const nz_exec& exec) {
    const auto data = record.subspan(sizeof(nz_exec));
    if (exec.path_size > data.size() || exec.args_size > data.size() - exec.path_size) return std::nullopt;
    const auto* text = reinterpret_cast<const char*>(data.data());
    auto process = decode(exec.task);
    if ((exec.flags & NZ_EXEC_PATH_CUT) == 0)
        process.exe = std::make_shared<const std::string>(path_of({text, exec.path_size}));
    if ((exec.flags & NZ_EXEC_ARGS_UNREAD) == 0)
        process.args = std::make_shared<const std::string>(text + exec.path_size, exec.args_size);
    return Stamped{at(exec.head.time_ns),
                   Execed{.process = std::move(process), .args_cut = (exec.flags & NZ_EXEC_ARGS_CUT) != 0}};
}

std::optional<Stamped> decode_exit(const nz_exit& exit) {
    Cause cause{.exit_code = exit.status >> 8 & 0xff,
                .signal = exit.status & 0x7f,
                .core = (exit.flags & NZ_EXIT_CORE) != 0,
                .oom = (exit.flags & NZ_EXIT_OOM) != 0,
                .known = true};
    if ((exit.flags & NZ_EXIT_SENDER) != 0) {
        cause.sender_pid = exit.sender_pid;
        cause.sender_uid = exit.sender_uid;
        cause.sender_signal = exit.sender_signal;
        cause.sender_comm = name(exit.sender_comm);
    }
    // One that had a handler for the signal, and its own time to end, fell when it ended.
    const bool by_signal = exit.sent_ns != 0 && cause.signal != 0 && exit.sender_signal == cause.signal;
    return Stamped{at(exit.head.time_ns), Exited{.id = {.pid = exit.pid, .start_ns = exit.start_ns},
                                                 .cause = std::move(cause),
                                                 .fell = at(by_signal ? exit.sent_ns : exit.head.time_ns)}};
}

} // namespace

Process decode(const nz_task& task) {
    return {.id = {.pid = task.pid, .start_ns = task.start_ns},
            .ppid = task.ppid,
            .uid = task.uid,
            .gid = task.gid,
            .kernel_thread = (task.flags & NZ_TASK_KERNEL) != 0,
            .cgroup_key = task.cgroup_key,
            .comm = name(task.comm)};
}

SnapshotTask decode_snapshot(const nz_task& task) {
    return {.process = decode(task),
            .dying = (task.flags & NZ_TASK_DYING) != 0,
            .zombie = (task.flags & NZ_TASK_ZOMBIE) != 0};
}

std::optional<Stamped> decode(std::span<const std::byte> record) {
    const auto* head = as<nz_head>(record);
    if (head == nullptr) return std::nullopt;
    switch (head->kind) {
    case NZ_FORK:
        if (const auto* fork = as<nz_fork>(record)) return decode_fork(*fork);
        break;
    case NZ_EXEC:
        if (const auto* exec = as<nz_exec>(record)) return decode_exec(record, *exec);
        break;
    case NZ_EXIT:
        if (const auto* exit = as<nz_exit>(record)) return decode_exit(*exit);
        break;
    case NZ_CHANGE:
        if (const auto* change = as<nz_change>(record))
            return Stamped{at(change->head.time_ns), Changed{.process = decode(change->task)}};
        break;
    default: break;
    }
    return std::nullopt;
}

} // namespace nezuban
