// From the kernel's bytes to an event: pure, and the only place that knows both.
#pragma once

#include "core/event.hpp"
#include "core/time.hpp"

#include <cstddef>
#include <optional>
#include <span>

struct nz_task;

namespace nezuban {

struct Stamped {
    Time time;
    Event event;
};

// Absent: not a record of ours, or a cut one.
[[nodiscard]] std::optional<Stamped> decode(std::span<const std::byte> record);

[[nodiscard]] Process decode(const nz_task& task);
[[nodiscard]] SnapshotTask decode_snapshot(const nz_task& task);

} // namespace nezuban
