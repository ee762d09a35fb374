#include "replay/record_waits.hpp"

#include "core/farthest.hpp"
#include "replay/bytes.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace nezuban {

namespace {

using Out = nlohmann::ordered_json;
using replay_fields::Fields;

constexpr std::string_view states = "RSDTtIPZX";
constexpr std::array<const char*, 6> argument_names{"a0", "a1", "a2", "a3", "a4", "a5"};

template <typename Value> void put(Out& object, const char* name, const Value& value) {
    if (value != Value{}) object[name] = value;
}
void put(Out& object, const char* name, const std::string& value) {
    if (!value.empty()) object[name] = bytes_to_utf8(value);
}

void put(Out& object, const Identity& id) {
    object["pid"] = id.pid;
    object["start"] = id.start_ns;
}

Identity identity(Fields& fields) {
    return {.pid = fields.required<std::uint32_t>("pid"), .start_ns = fields.required<std::uint64_t>("start")};
}

// A file may have been touched at any time.
Time touched(Fields& fields) {
    const auto limit = farthest.count();
    return Time{Duration{std::clamp(fields.number<std::int64_t>("touched_ns", 0), -limit, limit)}};
}

template <typename Kind> Kind kind(Fields& fields, const char* name, Kind last) {
    const auto number = fields.number<std::uint32_t>(name, 0);
    if (number > static_cast<std::uint32_t>(last)) fields.complain(std::string("'") + name + "' is not known");
    return static_cast<Kind>(std::min(number, static_cast<std::uint32_t>(last)));
}

Out to_json(const ThreadWait& wait) {
    Out object;
    put(object, wait.process);
    object["tid"] = wait.thread.tid;
    object["thread_start"] = wait.thread.start_ns;
    put(object, "comm", wait.comm);
    object["state"] = std::string(1, static_cast<char>(wait.state));
    put(object, "unkillable", !wait.killable);
    put(object, "killable_unknown", !wait.killable_known);
    put(object, "kernel", wait.kernel_thread);
    put(object, "frozen", wait.frozen);
    put(object, "on_cpu", wait.on_cpu);
    put(object, "off_ns", wait.off_cpu.count());
    put(object, "voluntary", wait.voluntary_switches);
    put(object, "forced", wait.forced_switches);
    put(object, "cpu_ns", wait.cpu.count());
    put(object, "system_ns", wait.system.count());
    if (wait.syscall) {
        object["call"] = wait.syscall->number;
        put(object, "call_name", wait.syscall->name);
        put(object, "compat", wait.syscall->compat);
        for (std::size_t i = 0; i < argument_names.size(); ++i)
            put(object, argument_names.at(i), wait.syscall->args.at(i));
    }
    put(object, "by_syscall", wait.entered_by_syscall);
    if (wait.syscalls) object["syscalls"] = *wait.syscalls;
    put(object, "address", wait.user_address);
    put(object, "tracer_pid", wait.tracer_pid);
    put(object, "tracer_comm", wait.tracer_comm);
    if (!wait.kernel_stack.empty()) object["stack"] = wait.kernel_stack;
    if (wait.lock) {
        object["lock"] = wait.lock->address;
        put(object, "lock_kind", static_cast<std::uint32_t>(wait.lock->kind));
        put(object, "lock_shared", wait.lock->shared);
        put(object, "owner_tid", wait.lock->owner_tid);
        put(object, "owner_pid", wait.lock->owner_pid);
        put(object, "readers", wait.lock->readers);
    }
    put(object, "object", wait.object);
    put(object, "device", wait.device);
    if (wait.stopped_by) {
        object["stopper_signal"] = wait.stopped_by->signal;
        put(object, "stopper_pid", wait.stopped_by->pid);
        put(object, "stopper_uid", wait.stopped_by->uid);
        put(object, "stopper_comm", wait.stopped_by->comm);
    }
    return object;
}

ThreadState state(Fields& fields) {
    const auto text = fields.comm("state");
    if (text.size() == 1 && states.find(text.front()) != std::string_view::npos)
        return static_cast<ThreadState>(text.front());
    fields.complain("'state' must be one of " + std::string(states));
    return ThreadState::running;
}

std::optional<Syscall> syscall(Fields& fields) {
    if (!fields.has("call")) return std::nullopt;
    Syscall call{.number = fields.number<std::int64_t>("call", 0),
                 .args = {},
                 .compat = fields.flag("compat", false),
                 .name = fields.comm("call_name")};
    for (std::size_t i = 0; i < argument_names.size(); ++i)
        call.args.at(i) = fields.number<std::uint64_t>(argument_names.at(i), 0);
    return call;
}

std::optional<LockWait> lock(Fields& fields) {
    if (!fields.has("lock")) return std::nullopt;
    return LockWait{.address = fields.number<std::uint64_t>("lock", 0),
                    .kind = kind(fields, "lock_kind", LockKind::join),
                    .shared = fields.flag("lock_shared", false),
                    .owner_tid = fields.number<std::uint32_t>("owner_tid", 0),
                    .owner_pid = fields.number<std::uint32_t>("owner_pid", 0),
                    .readers = fields.number<std::uint32_t>("readers", 0)};
}

std::optional<Sender> stopper(Fields& fields) {
    if (!fields.has("stopper_signal")) return std::nullopt;
    return Sender{.pid = fields.number<std::uint32_t>("stopper_pid", 0),
                  .uid = fields.number<std::uint32_t>("stopper_uid", 0),
                  .signal = fields.number<int>("stopper_signal", 0),
                  .comm = fields.comm("stopper_comm")};
}

ThreadWait thread(Fields& fields) {
    ThreadWait wait;
    wait.process = identity(fields);
    wait.thread = {.tid = fields.required<std::uint32_t>("tid"),
                   .start_ns = fields.number<std::uint64_t>("thread_start", 0)};
    wait.in_namespace = wait.thread.tid;
    wait.comm = fields.comm("comm");
    wait.state = state(fields);
    wait.killable = !fields.flag("unkillable", false);
    wait.killable_known = !fields.flag("killable_unknown", false);
    wait.kernel_thread = fields.flag("kernel", false);
    wait.frozen = fields.flag("frozen", false);
    wait.on_cpu = fields.flag("on_cpu", false);
    wait.off_cpu = fields.duration("off_ns");
    wait.voluntary_switches = fields.number<std::uint64_t>("voluntary", 0);
    wait.forced_switches = fields.number<std::uint64_t>("forced", 0);
    wait.cpu = fields.duration("cpu_ns");
    wait.system = fields.duration("system_ns");
    wait.syscall = syscall(fields);
    wait.entered_by_syscall = fields.flag("by_syscall", false);
    if (fields.has("syscalls")) wait.syscalls = fields.number<std::uint64_t>("syscalls", 0);
    wait.user_address = fields.number<std::uint64_t>("address", 0);
    wait.tracer_pid = fields.number<std::uint32_t>("tracer_pid", 0);
    wait.tracer_comm = fields.comm("tracer_comm");
    wait.kernel_stack = fields.strings("stack");
    wait.lock = lock(fields);
    wait.object = fields.comm("object");
    wait.device = fields.comm("device");
    wait.stopped_by = stopper(fields);
    return wait;
}

Out to_json(const SocketQueue& socket) {
    Out object;
    put(object, socket.owner);
    object["fd"] = socket.fd;
    object["inode"] = socket.inode;
    put(object, "netns", socket.network_namespace);
    put(object, "kind", static_cast<std::uint32_t>(socket.kind));
    object["length"] = socket.length;
    put(object, "limit", socket.limit);
    put(object, "mark", socket.mark);
    put(object, "accepts", socket.accepts);
    put(object, "peer_closed", socket.peer_closed);
    put(object, "frozen", socket.frozen);
    put(object, "local", socket.local);
    put(object, "peer", socket.peer);
    return object;
}

SocketQueue socket_queue(Fields& fields) {
    return {.owner = identity(fields),
            .fd = fields.number<std::uint32_t>("fd", 0),
            .inode = fields.number<std::uint64_t>("inode", 0),
            .network_namespace = fields.number<std::uint64_t>("netns", 0),
            .kind = kind(fields, "kind", SocketKind::unix_seqpacket),
            .length = fields.number<std::uint32_t>("length", 0),
            .limit = fields.number<std::uint32_t>("limit", 0),
            .mark = fields.number<std::uint64_t>("mark", 0),
            .accepts = fields.flag("accepts", false),
            .peer_closed = fields.flag("peer_closed", false),
            .frozen = fields.flag("frozen", false),
            .local = fields.comm("local"),
            .peer = fields.comm("peer")};
}

} // namespace

void write_scan(Out& object, const WaitScan& scan, Time start) {
    object["complete"] = scan.complete;
    object["sockets_seen"] = scan.sockets_seen;
    object["threads"] = Out::array();
    for (const auto& wait : scan.threads)
        object["threads"].push_back(to_json(wait));
    object["sockets"] = Out::array();
    for (const auto& socket : scan.sockets)
        object["sockets"].push_back(to_json(socket));
    if (!scan.beats.empty()) object["beats"] = Out::array();
    for (const auto& beat : scan.beats) {
        Out one{{"path", bytes_to_utf8(beat.path)}};
        if (beat.touched) one["touched_ns"] = (*beat.touched - start).count();
        put(one, "error", beat.error);
        object["beats"].push_back(std::move(one));
    }
    if (scan.silences.empty()) return;
    object["silences"] = Out::array();
    for (const auto& silence : scan.silences) {
        Out one;
        put(one, silence.process);
        one["silent_ns"] = silence.silent.count();
        one["longest_ns"] = silence.longest.count();
        one["usual_ns"] = silence.usual.count();
        object["silences"].push_back(std::move(one));
    }
}

WaitScan read_scan(Fields& fields) {
    WaitScan scan;
    scan.complete = fields.flag("complete", true);
    scan.sockets_seen = fields.flag("sockets_seen", false);
    fields.each("threads", [&](Fields& each) { scan.threads.push_back(thread(each)); });
    fields.each("sockets", [&](Fields& each) { scan.sockets.push_back(socket_queue(each)); });
    fields.each("beats", [&](Fields& each) {
        FileBeat beat{.path = each.comm("path"), .touched = {}, .error = each.comm("error")};
        if (each.has("touched_ns")) beat.touched = touched(each);
        scan.beats.push_back(std::move(beat));
    });
    fields.each("silences", [&](Fields& each) {
        scan.silences.push_back({.process = identity(each),
                                 .silent = each.duration("silent_ns"),
                                 .longest = each.duration("longest_ns"),
                                 .usual = each.duration("usual_ns")});
    });
    return scan;
}

void begin_at(WaitScan& scan, Time start) {
    for (auto& beat : scan.beats)
        if (beat.touched) *beat.touched += start.time_since_epoch();
}

} // namespace nezuban
