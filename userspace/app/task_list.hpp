// The list of processes, from where it can be had: the kernel's own by BPF, or /proc.
#pragma once

#include "core/event.hpp"
#include "core/result.hpp"
#include "io/proc_list.hpp"
#include "probe/features.hpp"
#include "probe/snapshot.hpp"

#include <functional>
#include <utility>
#include <variant>

namespace nezuban {

class TaskList {
public:
    static Result<TaskList> open(const Features& features) {
        if (auto able = require(features); !able) return std::unexpected(able.error());
        if (features.mode != Mode::bpf) return TaskList(ProcList());
        auto snapshot = Snapshot::load();
        if (!snapshot) return std::unexpected(snapshot.error());
        return TaskList(std::move(*snapshot));
    }

    // Starts a pass from the beginning; one under way is given up.
    Result<void> begin() {
        return std::visit([](auto& list) { return list.begin(); }, list_);
    }
    // About a millisecond at most. False: that was the end of the pass.
    Result<bool> read_slice(const std::function<void(SnapshotTask)>& sink) {
        return std::visit([&](auto& list) { return list.read_slice(sink); }, list_);
    }
    // All of it, for who may wait.
    Result<void> read(const std::function<void(SnapshotTask)>& sink) {
        if (auto begun = begin(); !begun) return begun;
        while (true) {
            const auto more = read_slice(sink);
            if (!more) return std::unexpected(more.error());
            if (!*more) return {};
        }
    }

private:
    explicit TaskList(Snapshot snapshot) : list_(std::move(snapshot)) {}
    explicit TaskList(ProcList list) : list_(std::move(list)) {}

    std::variant<Snapshot, ProcList> list_;
};

} // namespace nezuban
