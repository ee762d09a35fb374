// Work is waiting in a socket's queue, and nobody has taken any of it for so long.
#include "core/tell.hpp"
#include "core/words.hpp"
#include "rules/hang_rules.hpp"

#include <fmt/format.h>

namespace nezuban {

namespace {

std::string_view name_of(SocketKind kind) {
    switch (kind) {
    case SocketKind::tcp_listening: return "tcp listening";
    case SocketKind::tcp: return "tcp";
    case SocketKind::udp: return "udp";
    case SocketKind::unix_listening: return "unix listening";
    case SocketKind::unix_stream: return "unix stream";
    case SocketKind::unix_datagram: return "unix datagram";
    case SocketKind::unix_seqpacket: return "unix seqpacket";
    }
    return "";
}

std::string told_socket(const SocketQueue& socket) {
    std::string text = socket.local.empty() ? fmt::format("socket:[{}]", socket.inode) : socket.local;
    if (!socket.peer.empty()) text += " from " + socket.peer;
    return text;
}

std::string told_queue(const SocketQueue& socket) {
    return fmt::format("{} {} on {} and nobody {}", counted(socket.length, unit_of(socket.kind)),
                       socket.length == 1 ? "waits" : "wait", told_socket(socket),
                       listening(socket.kind) ? "accepts any" : "reads");
}

} // namespace

void find_unserved(const HangScene& scene, HangFindings& out) {
    if (!scene.spec.unserved) return;
    for (const auto& [seen, held] : scene.sockets) {
        const auto& socket = *held;
        // Only who serves owes an answer. A client keeps idle connections in a pool and need not read what a server
        // says into them; one that only writes leaves the session tickets of TLS unread; a byte forgotten in a pair of
        // sockets of a program's own is nobody's work.
        if (socket.frozen || !socket.accepts) continue;
        if (!lasted(scene, seen->since, *scene.spec.unserved, out.sockets_due) || seen->scans < 2) continue;
        const auto so_long = scene.memory.lasting(seen->since, scene.now);
        Finding finding{.kind = HangKind::unserved,
                        .process = socket.owner,
                        .since = seen->since,
                        .reason = fmt::format("{}, for {} (pid {}, descriptor {})", told_queue(socket), tell(so_long),
                                              socket.owner.pid, socket.fd),
                        .evidence = {{"socket", told_socket(socket)},
                                     {"kind", std::string(name_of(socket.kind))},
                                     {"queue", socket.length},
                                     {"unserved_s", seconds_of(so_long)},
                                     {"fd", socket.fd},
                                     {"inode", socket.inode}},
                        .key = fmt::format("unserved {} {}", socket.network_namespace, socket.inode)};
        if (socket.limit != 0) finding.evidence.emplace_back("limit", socket.limit);
        if (seen->holders.size() > 1)
            finding.evidence.emplace_back("holders", static_cast<std::int64_t>(seen->holders.size()));
        out.found.push_back(std::move(finding));
    }
}

} // namespace nezuban
