#include "app/helper.hpp"

#include "io/unix_socket.hpp"

namespace nezuban {

Result<void> start_helper(Spawner& spawner, HelperRole role, const std::shared_ptr<Helper>& helper) {
    auto ends = socket_pair();
    if (!ends) return std::unexpected(ends.error());
    helper->socket = std::move(ends->first);
    return spawner.request({.argv = {"/proc/self/exe", std::move(role.name)},
                            .environment = std::move(role.environment),
                            .input = std::move(ends->second),
                            .output = {},
                            .extra = std::move(role.extra),
                            .own = true},
                           [helper](const Spawned& spawned) {
                               helper->failed = spawned.error != 0;
                               if (helper->failed) return;   // its end of the socket is closed: the loop tells
                               if (helper->pid != 0) return; // it has said so itself, and may have ended since
                               helper->pid = spawned.pid;
                               helper->child = HelperProcess(spawned.pid);
                               if (helper->killed) helper->child.kill();
                           });
}

} // namespace nezuban
