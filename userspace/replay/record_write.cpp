#include "replay/bytes.hpp"
#include "replay/record.hpp"
#include "replay/record_waits.hpp"

#include <algorithm>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace nezuban {

namespace {

using Json = nlohmann::ordered_json;

std::string line_of(const Json& object) {
    return object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// Cut at every end mark. What follows the last one is the unfinished rest, and says so in NAME_open.
void add_list(Json& object, const std::string& name, const Text& text, char end) {
    if (!text) return;
    Json list = Json::array();
    std::string_view rest = *text;
    while (!rest.empty()) {
        const auto length = std::min(rest.find(end), rest.size());
        list.push_back(bytes_to_utf8(rest.substr(0, length)));
        if (length == rest.size()) object[name + "_open"] = true;
        rest.remove_prefix(std::min(length + 1, rest.size()));
    }
    object[name] = std::move(list);
}

void add(Json& object, const Process& process) {
    object["pid"] = process.id.pid;
    object["start"] = process.id.start_ns;
    object["ppid"] = process.ppid;
    object["uid"] = process.uid;
    object["gid"] = process.gid;
    object["comm"] = bytes_to_utf8(process.comm);
    if (process.name) object["name"] = bytes_to_utf8(*process.name);
    object["kernel"] = process.kernel_thread;
    object["cgroup_key"] = process.cgroup_key;
    if (process.exe) object["exe"] = bytes_to_utf8(*process.exe);
    add_list(object, "args", process.args, '\0');
    add_list(object, "cgroups", process.cgroups, '\n');
}

// Fills in everything but the time; false: not an event of the kernel.
struct Writer {
    Json& object;
    Time start;

    bool operator()(const Forked& event) const {
        object["event"] = "fork";
        add(object, event.child);
        object["parent_pid"] = event.parent.pid;
        object["parent_start"] = event.parent.start_ns;
        if (event.shares_memory) object["shares_memory"] = true;
        return true;
    }
    bool operator()(const Execed& event) const {
        object["event"] = "exec";
        add(object, event.process);
        object["args_cut"] = event.args_cut;
        return true;
    }
    bool operator()(const Exited& event) const {
        const auto& cause = event.cause;
        object["event"] = "exit";
        object["pid"] = event.id.pid;
        object["start"] = event.id.start_ns;
        object["known"] = cause.known;
        object["exit_code"] = cause.exit_code;
        object["signal"] = cause.signal;
        object["core"] = cause.core;
        object["oom"] = cause.oom;
        object["sender_pid"] = cause.sender_pid;
        object["sender_uid"] = cause.sender_uid;
        object["sender_signal"] = cause.sender_signal;
        object["sender_comm"] = bytes_to_utf8(cause.sender_comm);
        if (event.fell) object["fell"] = (*event.fell - start).count();
        return true;
    }
    bool operator()(const Changed& event) const {
        object["event"] = "change";
        add(object, event.process);
        return true;
    }
    bool operator()(const SnapshotBegan& /*event*/) const {
        object["event"] = "snapshot_begin";
        return true;
    }
    bool operator()(const SnapshotTask& event) const {
        object["event"] = "snapshot_task";
        add(object, event.process);
        object["dying"] = event.dying;
        object["zombie"] = event.zombie;
        return true;
    }
    bool operator()(const SnapshotEnded& event) const {
        object["event"] = "snapshot_end";
        object["complete"] = event.complete;
        return true;
    }
    bool operator()(const EventsLost& event) const {
        object["event"] = "lost";
        object["fork"] = event.by_kind[0];
        object["exec"] = event.by_kind[1];
        object["exit"] = event.by_kind[2];
        object["change"] = event.by_kind[3];
        if (event.of_unknown_kind > 0) object["unknown"] = event.of_unknown_kind;
        if (event.skipped > 0) object["skipped"] = event.skipped;
        return true;
    }
    bool operator()(const WaitsSeen& event) const {
        object["event"] = "scan";
        write_scan(object, *event.scan, start);
        return true;
    }
    bool operator()(const Stalled& event) const {
        object["event"] = "stalled";
        object["pid"] = event.process.pid;
        object["start"] = event.process.start_ns;
        object["tid"] = event.tid;
        object["off_ns"] = event.off_cpu.count();
        return true;
    }
    bool operator()(const Beat& event) const {
        object["event"] = "beat";
        object["pid"] = event.pid;
        return true;
    }
    template <typename Answer> bool operator()(const Answer& /*event*/) const {
        return false;
    }
};

} // namespace

std::string record_header(const ClockPair& start) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(start.wall);
    const auto started = fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:09}Z", fmt::gmtime(seconds.time_since_epoch().count()),
                                     (start.wall - seconds).count());
    return line_of({{"nezuban_record", 1},
                    {"started", started},
                    {"wall_ns", start.wall.time_since_epoch().count()},
                    {"monotonic_ns", start.monotonic.time_since_epoch().count()}});
}

std::string to_line(const Event& event, Time time, Time start) {
    Json object{{"t", std::max(time - start, Duration::zero()).count()}};
    if (!std::visit(Writer{object, start}, event)) return {};
    return line_of(object);
}

} // namespace nezuban
