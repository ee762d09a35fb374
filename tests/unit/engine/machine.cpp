#include "machine.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace nezuban::test {

namespace {

constexpr std::array programs{"web", "db", "svc", "sh"};
constexpr std::size_t processes_max = 30;

Text path_of(const std::string& comm) {
    return std::make_shared<const std::string>("/bin/" + comm);
}

// What a record of the ring can't tell.
Process bare(Process process) {
    process.exe = process.args = process.cgroups = nullptr;
    return process;
}

} // namespace

void Machine::step() {
    const auto what = up_to(100);
    auto* task = any();
    if (what < 14) {
        fork(chance(30));
    } else if (what < 30) {
        exec(*task, programs[up_to(programs.size())]);
    } else if (what < 42) {
        if (task->process.id.pid > 60) end(*task, {.exit_code = 1, .known = true});
    } else if (what < 50) {
        task->process.comm = programs[up_to(programs.size())];
        change(*task);
    } else if (what < 54) {
        task->process.uid = chance(50) ? 7 : 0;
        change(*task);
    } else if (what < 56) {
        task->stubborn = true;
    } else if (what < 58) {
        loss_percent_ = chance(50) ? 40 : 0;
    } else if (what < 64) {
        std::erase_if(tasks_, [](const auto& pair) { return pair.second.told; }); // reaped
        for (auto it = tasks_.begin(); it != tasks_.end();) {
            auto& other = (it++)->second;
            if (other.dying && !other.told) tell_end(other, {.signal = 9, .known = true});
        }
    } else if (what < 74) {
        snapshot_slice();
    } else if (what < 84) {
        if (!signals_.empty()) {
            signal(signals_.front());
            signals_.pop_front();
        }
        end_commands(false);
    } else if (what < 95) {
        constexpr std::array<Duration, 6> durations{1ms, 10ms, 100ms, 1s, 4s, 20s};
        advance(durations[up_to(durations.size())]);
    } else {
        operate();
    }
    if (chance(60)) drain(chance(50) ? 2 : ring_.size());
    if (lost_.total() > 0 && chance(20)) tell_losses();
    if (ring_.empty()) check_counts();
}

Machine::Task* Machine::any() {
    for (;;) {
        auto place = std::next(tasks_.begin(), up_to(static_cast<std::uint32_t>(tasks_.size())));
        if (!place->second.dying) return &place->second;
    }
}

void Machine::fork(bool shares_memory) {
    if (tasks_.size() >= processes_max) return;
    auto parent = *any();
    if (parent.process.kernel_thread) return;
    auto child = parent.process;
    child.ppid = parent.process.id.pid;
    // A pid is used again as soon as it is free.
    const auto recycled = 100 + up_to(60);
    child.id = {.pid = tasks_.contains(recycled) ? next_pid_++ : recycled, .start_ns = next_start_++};
    tasks_[child.id.pid] = {.process = child, .embryo = shares_memory};
    ring(Forked{.child = bare(child), .parent = parent.process.id, .shares_memory = shares_memory});
}

Identity Machine::spawn(const std::string& comm) {
    const auto& init = tasks_.at(1).process;
    auto child = init;
    child.ppid = 1;
    child.uid = 0;
    child.id = {.pid = next_pid_++, .start_ns = next_start_++};
    auto& task = tasks_[child.id.pid] = {.process = child};
    ring(Forked{.child = bare(child), .parent = init.id});
    exec(task, comm);
    return child.id;
}

void Machine::exec(Task& task, const std::string& comm) {
    if (task.process.kernel_thread || task.process.id.pid <= 60) return;
    task.embryo = false;
    task.process.comm = comm;
    task.process.exe = path_of(comm);
    auto record = bare(task.process);
    if (chance(90)) record.exe = task.process.exe; // else too deep for the record: read later, if at all
    ring(Execed{.process = std::move(record)});
}

void Machine::change(Task& task) {
    ring(Changed{.process = bare(task.process)});
}

void Machine::end(Task& task, const Cause& cause) {
    task.dying = true;
    if (calm_ || chance(80)) tell_end(task, cause);
}

void Machine::tell_end(Task& task, const Cause& cause) {
    task.told = true;
    const auto id = task.process.id;
    ring(Exited{.id = id, .cause = cause});
    if (chance(5)) ring(Exited{.id = id, .cause = cause});
    if (calm_ || chance(50)) tasks_.erase(id.pid); // reaped at once; `task` is gone
}

void Machine::ring(Event event) {
    if (!chance(loss_percent_)) {
        ring_.push_back(std::move(event));
        return;
    }
    ++lost_.by_kind.at(event.index());
    ++losses_;
    exact_ = false;
}

void Machine::drain(std::size_t records) {
    for (; records > 0 && !ring_.empty(); --records) {
        auto event = std::move(ring_.front());
        ring_.pop_front();
        give(std::move(event));
    }
}

void Machine::tell_losses() {
    if (lost_.total() > 0) give(std::exchange(lost_, {}));
}

// As the shell does it: what one read of the iterator returns is handed on before the ring is looked at again, and the
// ring is emptied before the beginning and before the end are told.
void Machine::snapshot_slice() {
    if (!cursor_) {
        if (!snapshot_wanted_ && !chance(30)) return;
        snapshot_wanted_ = false;
        drain(ring_.size());
        told_at_begin_ = lost_.total() == 0;
        losses_at_begin_ = losses_;
        cursor_ = 0;
        give(SnapshotBegan{});
        return;
    }
    if (!calm_ && chance(3)) {
        cursor_.reset();
        give(SnapshotEnded{.complete = false});
        return;
    }
    std::vector<SnapshotTask> slice;
    const auto size = 1 + up_to(10);
    for (auto it = tasks_.upper_bound(*cursor_); it != tasks_.end() && slice.size() < size; ++it) {
        const auto& task = it->second;
        slice.push_back({.process = bare(task.process), .dying = task.dying, .zombie = task.told});
        cursor_ = it->first;
    }
    for (auto& record : slice) {
        give(std::move(record));
    }
    if (!slice.empty()) return;
    drain(ring_.size());
    if (chance(80)) tell_losses();
    exact_ = told_at_begin_ && losses_ == losses_at_begin_;
    cursor_.reset();
    give(SnapshotEnded{});
}

void Machine::whole_snapshot() {
    snapshot_wanted_ = true;
    if (!cursor_) snapshot_slice();
    while (cursor_) {
        snapshot_slice();
    }
}

void Machine::calm() {
    loss_percent_ = 0;
    calm_ = true;
    for (auto it = tasks_.begin(); it != tasks_.end();) {
        auto& task = (it++)->second;
        task.stubborn = false;
        if (task.process.id.pid <= 60) {
            task.process.comm = task.process.id.pid == 60 ? "web" : "init";
            task.process.uid = 0;
            change(task);
        } else if (!task.told) {
            end(task, {.known = true});
        }
    }
    std::erase_if(tasks_, [](const auto& pair) { return pair.second.told; });
    tell_losses(); // else it would take the living for too many beside the dead whom it still counts
    drain(ring_.size());
    whole_snapshot();
    for (const auto* comm : programs) {
        spawn(comm);
    }
    drain(ring_.size());
    for (const auto& rule : rules_) {
        static_cast<void>(engine_.resume(rule.name, now_, wanted_));
        take();
        static_cast<void>(engine_.reset(rule.name, now_, wanted_));
        attempts_[rule.name].clear();
        take();
    }
    for (int second = 0; second < 120; ++second) {
        while (!signals_.empty()) {
            signal(signals_.front());
            signals_.pop_front();
        }
        end_commands(true);
        drain(ring_.size());
        advance(1s);
        if (snapshot_wanted_) whole_snapshot();
    }
    whole_snapshot();
    check_counts();
    for (const auto& rule : engine_.view(now_).rules) {
        if (rule.state != RuleState::ok)
            fail(rule.name + " is not ok although everything is: " + std::string(name_of(rule.state)) + ", "
                 + rule.reason);
    }
}

} // namespace nezuban::test
