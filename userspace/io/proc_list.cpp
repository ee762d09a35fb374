#include "io/proc_list.hpp"

#include "io/proc_files.hpp"
#include "io/proc_task.hpp"

#include <utility>

namespace nezuban {

namespace {

constexpr int processes_a_slice = 40;

} // namespace

ProcList::ProcList() : numbers_(std::make_unique<ProcNumbers>()) {}
ProcList::~ProcList() = default;
ProcList::ProcList(ProcList&&) noexcept = default;
ProcList& ProcList::operator=(ProcList&&) noexcept = default;

bool ProcList::under_way() const {
    return static_cast<bool>(*numbers_);
}

Result<void> ProcList::begin() {
    auto numbers = ProcNumbers::open("/proc");
    if (!numbers) return std::unexpected(numbers.error());
    *numbers_ = std::move(*numbers);
    if (!under_way()) return fail("there is no /proc");
    return {};
}

Result<bool> ProcList::read_slice(const std::function<void(SnapshotTask)>& sink) {
    for (int read = 0; read < processes_a_slice; ++read) {
        const auto pid = numbers_->next();
        if (pid && !*pid) return false;
        auto task = pid ? read_task(**pid) : std::unexpected(pid.error());
        if (!task) {
            *numbers_ = {};
            return std::unexpected(task.error());
        }
        if (*task && !borrows_memory(**task, (*task)->told.process.ppid)) sink(std::move((*task)->told));
    }
    return true;
}

} // namespace nezuban
