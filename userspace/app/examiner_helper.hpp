// One examiner's process, as the watcher holds it.
#pragma once

#include "app/left_out.hpp"
#include "core/result.hpp"
#include "core/time.hpp"
#include "io/fd.hpp"
#include "io/helper_process.hpp"
#include "io/shared_word.hpp"
#include "io/spawner.hpp"
#include "report/wire.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace nezuban {

// What it is asked, and who is meant by what it says that it looks at.
struct ExaminerRequest {
    struct Process {
        Identity id;
        std::string comm; // of one of its threads
    };
    std::string bytes;
    std::map<std::uint32_t, Process> processes; // by pid
    std::vector<std::string> files;
};

struct ExaminerHelper {
    Fd socket;
    SharedWord word; // examiner_wire::Subject
    HelperProcess child;
    std::uint32_t pid = 0; // 0: the spawner has not answered yet
    bool failed = false;   // it was never started
    bool killed = false;
    wire::Frames received;

    bool waiting = false; // it was asked, and has not answered to the end
    ExaminerRequest request;
    std::size_t sent = 0;        // bytes of it
    std::uint64_t seen_word = 0; // the same ...
    Time seen_at;                // ... since then at least
    LeftOut::Subject hangs_on;   // when it was given up

    ExaminerHelper(Fd its_socket, SharedWord its_word) : socket(std::move(its_socket)), word(std::move(its_word)) {}

    void kill() {
        killed = true;
        child.kill();
    }
    [[nodiscard]] bool ended() {
        return failed || (pid != 0 && child.ended());
    }
};

// Can be spoken to at once. Shared with the spawner's answer, which may come when it was given up already.
[[nodiscard]] Result<std::shared_ptr<ExaminerHelper>> start_helper(Spawner& spawner);

} // namespace nezuban
