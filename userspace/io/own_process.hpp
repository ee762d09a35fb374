// What a process of ours does to itself.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nezuban {

[[nodiscard]] std::uint32_t own_pid();

// At most 15 bytes are kept.
void set_own_name(const char* name);

// Keeps the daemon alive and quick when the machine is short of memory and time: memory locked (what is touched, now
// and later), out of the OOM killer's sight, ahead of all that is not real-time. Each step that failed is a sentence;
// none is fatal. Not inherited by commands: the kernel and the spawner undo it.
[[nodiscard]] std::vector<std::string> harden();

// Out of the OOM killer's sight; a sentence when that failed.
[[nodiscard]] std::string hide_from_oom_killer();

// True when standard error is the journal's own socket, as systemd says in JOURNAL_STREAM.
[[nodiscard]] bool stderr_is_journal();

} // namespace nezuban
