// What a process of ours does to itself.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nezuban {

[[nodiscard]] std::uint32_t own_pid();
[[nodiscard]] std::uint32_t own_uid(); // the effective one

// At most 15 bytes are kept.
void set_own_name(const char* name);

// Takes the name that we have: nothing changes, but the kernel tells its tracers that we were renamed.
void repeat_own_name();

// Keeps the daemon alive and quick when the machine is short of memory and time: memory locked (what is touched, now
// and later), out of the OOM killer's sight, ahead of all that is not real-time. Each step that failed is a sentence;
// none is fatal. Not inherited by commands: the kernel and the spawner undo it.
[[nodiscard]] std::vector<std::string> harden();

// Ahead of everybody who isn't a real-time process. Niceness is not enough: between two sessions (autogroups) or two
// cgroups it means nothing, and on a kernel without preemption a woken daemon then waits for the next tick, 4 ms, in
// which a storm forks 60 times. Round-robin at the lowest priority; what we start (RESET_ON_FORK) doesn't inherit it.
// False: refused.
bool run_ahead();

// Out of the OOM killer's sight; a sentence when that failed.
[[nodiscard]] std::string hide_from_oom_killer();

// True when standard error is the journal's own socket, as systemd says in JOURNAL_STREAM.
[[nodiscard]] bool stderr_is_journal();

} // namespace nezuban
