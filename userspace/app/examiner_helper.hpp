// One examiner's process, as the watcher holds it.
#pragma once

#include "app/helper.hpp"
#include "app/left_out.hpp"
#include "core/result.hpp"
#include "core/time.hpp"
#include "io/shared_word.hpp"

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

struct ExaminerHelper : Helper {
    SharedWord word; // examiner_wire::Subject

    bool waiting = false; // it was asked, and has not answered to the end
    ExaminerRequest request;
    std::size_t sent = 0;        // bytes of it
    std::uint64_t seen_word = 0; // the same ...
    Time seen_at;                // ... since then at least
    LeftOut::Subject hangs_on;   // when it was given up

    explicit ExaminerHelper(SharedWord its_word) : word(std::move(its_word)) {}
};

[[nodiscard]] Result<std::shared_ptr<ExaminerHelper>> start_examiner(Spawner& spawner);

} // namespace nezuban
