#include "probe/descriptors.hpp"

#include "probe/libbpf.hpp"
#include "probe/owned.hpp"

#include <cerrno>
#include <cstring>
#include <string>

#include <sys/socket.h>

#include <descriptors.skel.h>

// Since 6.16, and not in the headers of a system that is older.
#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

namespace nezuban {

namespace {

// The socket keeps the program.
Result<void> attach_filter(int socket) {
    const LibbpfLog log;
    const Owned<descriptors_bpf> skeleton(descriptors_bpf::open_and_load());
    if (!skeleton) return log.error("loading the filter of descriptors", errno);
    const int program = bpf_program__fd(skeleton->progs.refuse_descriptors);
    if (::setsockopt(socket, SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof program) != 0)
        return log.error("attaching the filter of descriptors", errno);
    return {};
}

} // namespace

Result<void> refuse_descriptors(int socket, const Features& features) {
    if (features.socket_filter) return attach_filter(socket);
    if (!features.passrights)
        return fail("there is neither a BPF filter that sees them nor SO_PASSRIGHTS (6.16)", EOPNOTSUPP);
    if (!pass_no_rights(socket)) return fail(std::string("SO_PASSRIGHTS: ") + std::strerror(errno), errno);
    return {};
}

bool pass_no_rights(int socket) {
    const int off = 0;
    return ::setsockopt(socket, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof off) == 0;
}

} // namespace nezuban
