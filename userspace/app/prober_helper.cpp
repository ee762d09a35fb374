#include "app/prober_helper.hpp"

#include "io/unix_socket.hpp"

#include <utility>

namespace nezuban {

Result<std::shared_ptr<ProberHelper>> start_prober(Spawner& spawner) {
    auto ends = socket_pair();
    if (!ends) return std::unexpected(ends.error());
    auto helper = std::make_shared<ProberHelper>(std::move(ends->first));
    auto asked = spawner.request({.argv = {"/proc/self/exe", "prober"},
                                  // A name server that is gone shall not keep one thread a question for 30 s.
                                  .environment = {{"RES_OPTIONS", "timeout:2 attempts:2"}},
                                  .input = std::move(ends->second),
                                  .output = {},
                                  .extra = {},
                                  .own = true},
                                 [helper](const Spawned& spawned) {
                                     helper->failed = spawned.error != 0;
                                     helper->pid = spawned.pid;
                                     if (helper->failed) return; // its end of the socket is closed: the loop tells
                                     helper->child = HelperProcess(spawned.pid);
                                     if (helper->killed) helper->child.kill();
                                 });
    if (!asked) return std::unexpected(asked.error());
    return helper;
}

} // namespace nezuban
