#include "report/thread_json.hpp"

#include "io/syscall_names.hpp"

#include <string>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace nezuban {

namespace {

using Json = nlohmann::ordered_json;

std::string_view name_of(SocketKind kind) {
    switch (kind) {
    case SocketKind::tcp_listening: return "tcp_listening";
    case SocketKind::tcp: return "tcp";
    case SocketKind::udp: return "udp";
    case SocketKind::unix_listening: return "unix_listening";
    case SocketKind::unix_stream: return "unix_stream";
    case SocketKind::unix_datagram: return "unix_datagram";
    case SocketKind::unix_seqpacket: return "unix_seqpacket";
    }
    return "";
}

Json syscall_json(const ThreadWait& wait) {
    if (!wait.syscall) return nullptr;
    const auto& call = *wait.syscall;
    return {{"name", call.name.empty() ? Json(nullptr) : Json(call.name)},
            {"number", call.number},
            {"args", syscall_words(call)}};
}

Json lock_json(const ThreadWait& wait) {
    if (!wait.lock) return nullptr;
    const auto& lock = *wait.lock;
    Json json{{"lock", fmt::format("{:#x}", lock.address)},
              {"kind", name_of(lock.kind)},
              {"owner_tid", lock.owner_tid == 0 ? Json(nullptr) : Json(lock.owner_tid)},
              {"owner_pid", lock.owner_pid == 0 ? Json(nullptr) : Json(lock.owner_pid)}};
    if (lock.readers != 0) json["readers"] = lock.readers;
    return json;
}

} // namespace

Json thread_json(const ThreadWait& wait, Duration off_cpu) {
    Json json{{"tid", wait.thread.tid},
              {"comm", wait.comm},
              {"state", std::string(1, static_cast<char>(wait.state))},
              {"off_cpu_s", seconds_of(off_cpu)},
              {"on_cpu", wait.on_cpu},
              {"killable", wait.killable_known ? Json(wait.killable) : Json(nullptr)},
              {"frozen", wait.frozen},
              {"syscall", syscall_json(wait)},
              {"object", wait.object.empty() ? Json(nullptr) : Json(wait.object)},
              {"device", wait.device.empty() ? Json(nullptr) : Json(wait.device)},
              {"waits_for", lock_json(wait)},
              {"kernel_stack", wait.kernel_stack}};
    if (wait.tracer_pid != 0) json["tracer"] = {{"pid", wait.tracer_pid}, {"comm", wait.tracer_comm}};
    return json;
}

Json socket_json(const SocketQueue& socket, Duration waiting) {
    return {{"fd", socket.fd},
            {"inode", socket.inode},
            {"kind", name_of(socket.kind)},
            {"local", socket.local},
            {"peer", socket.peer.empty() ? Json(nullptr) : Json(socket.peer)},
            {"queue", socket.length},
            {"limit", socket.limit == 0 ? Json(nullptr) : Json(socket.limit)},
            {"unserved_s", seconds_of(waiting)}};
}

} // namespace nezuban
