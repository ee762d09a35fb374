// Who is meant, as exactly as the kernel knows it: without an observer and an engine.
#pragma once

#include "app/task_list.hpp"
#include "support/features.hpp"

#include <stdexcept>
#include <type_traits>
#include <utility>

namespace nezuban::test {

template <typename T> T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().text);
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

inline Identity identity_of(long pid) {
    auto list = must(TaskList::open(test::features()));
    Identity found;
    const auto read = list.read([&](const SnapshotTask& task) {
        if (task.process.id.pid == static_cast<std::uint32_t>(pid)) found = task.process.id;
    });
    if (!read) throw std::runtime_error(read.error().text);
    if (found.pid == 0) throw std::runtime_error("no process " + std::to_string(pid));
    return found;
}

} // namespace nezuban::test
