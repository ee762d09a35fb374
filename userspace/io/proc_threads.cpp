#include "io/proc_threads.hpp"

#include "io/proc_thread.hpp"

namespace nezuban {

std::vector<ThreadWait> read_threads(std::uint32_t pid) {
    std::vector<ThreadWait> all;
    auto folder = ProcFolder::tasks_of(pid);
    auto tids = ProcNumbers::threads_of(pid);
    if (!folder || !*folder || !tids) return all;
    std::uint64_t process_start = 0;
    for (auto tid = tids->next(); tid && *tid; tid = tids->next()) {
        ProcThread thread(**folder, **tid);
        const auto stat = thread.stat();
        if (!stat || !*stat) continue;
        ThreadWait wait{.process = {.pid = pid}};
        thread.add_stat(**stat, wait);
        thread.add_status(wait);
        if (wait.state != ThreadState::running) wait.to_read = ToRead::call_and_stack;
        if (**tid == pid) process_start = wait.thread.start_ns;
        all.push_back(std::move(wait));
    }
    for (auto& wait : all)
        wait.process.start_ns = process_start;
    return all;
}

} // namespace nezuban
