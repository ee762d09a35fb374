// Who is meant, as exactly as the kernel knows it: without an observer and an engine.
#pragma once

#include "probe/snapshot.hpp"

#include <stdexcept>
#include <utility>

namespace nezuban::test {

template <typename T> T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().text);
    return std::move(*result);
}

inline Identity identity_of(long pid) {
    auto snapshot = must(Snapshot::load());
    if (auto begun = snapshot.begin(); !begun) throw std::runtime_error(begun.error().text);
    Identity found;
    while (must(snapshot.read_slice([&](const SnapshotTask& task) {
        if (task.process.id.pid == static_cast<std::uint32_t>(pid)) found = task.process.id;
    }))) {
    }
    if (found.pid == 0) throw std::runtime_error("no process " + std::to_string(pid));
    return found;
}

} // namespace nezuban::test
