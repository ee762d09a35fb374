// Who is frozen, and therefore no hang, as far as /proc and the cgroups say.
#pragma once

#include <cstdint>
#include <string_view>

namespace nezuban {

// By the function in which it waits (ProcThread::wchan, or one of its stack's): that of a suspend and of cgroup v1 up
// to 6.0, in D, or that of cgroup v2, in S.
[[nodiscard]] bool waits_frozen(std::string_view where);

// Whether the process is in a frozen group of cgroup v1: since 6.1 its threads are shown in D wherever they slept.
[[nodiscard]] bool in_frozen_cgroup(std::uint32_t pid);

// The group of cgroup v1's freezer in the text of /proc/PID/cgroup ("9:freezer:/docker/4f..."). Empty: there is none.
[[nodiscard]] std::string_view freezer_group(std::string_view cgroups);

} // namespace nezuban
