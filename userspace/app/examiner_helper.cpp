#include "app/examiner_helper.hpp"

#include "io/unix_socket.hpp"

#include <utility>
#include <vector>

namespace nezuban {

Result<std::shared_ptr<ExaminerHelper>> start_helper(Spawner& spawner) {
    auto ends = socket_pair();
    if (!ends) return std::unexpected(ends.error());
    auto word = SharedWord::create();
    if (!word) return std::unexpected(word.error());
    std::vector<Fd> extra;
    extra.push_back(word->file().duplicate());
    auto helper = std::make_shared<ExaminerHelper>(std::move(ends->first), std::move(*word));
    auto asked = spawner.request({.argv = {"/proc/self/exe", "examiner"},
                                  .environment = {},
                                  .input = std::move(ends->second),
                                  .output = {},
                                  .extra = std::move(extra),
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
