// Who is frozen, and therefore no hang, as far as /proc and the cgroups say.
#pragma once

#include "core/wait.hpp"

#include <cstdint>
#include <string_view>

namespace nezuban {

// By where it waits (see ProcThread::wchan): in D by cgroup v1 or a suspend, in S by cgroup v2.
[[nodiscard]] bool waits_frozen(ThreadState state, std::string_view where);

// Whether the process is in a frozen group of cgroup v1: since 6.1 its threads are shown in D wherever they slept.
[[nodiscard]] bool in_frozen_cgroup(std::uint32_t pid);

// The group of cgroup v1's freezer in the text of /proc/PID/cgroup ("9:freezer:/docker/4f..."). Empty: there is none.
[[nodiscard]] std::string_view freezer_group(std::string_view cgroups);

} // namespace nezuban
