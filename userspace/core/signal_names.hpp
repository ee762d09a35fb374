// Signals by name, the same numbers on all architectures that we run on.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace nezuban {

// From 1 on, without "SIG".
inline constexpr std::array<std::string_view, 31> plain_signals{
    "HUP",  "INT",  "QUIT", "ILL",    "TRAP",   "ABRT",  "BUS",  "FPE",  "KILL", "USR1", "SEGV",
    "USR2", "PIPE", "ALRM", "TERM",   "STKFLT", "CHLD",  "CONT", "STOP", "TSTP", "TTIN", "TTOU",
    "URG",  "XCPU", "XFSZ", "VTALRM", "PROF",   "WINCH", "IO",   "PWR",  "SYS"};

inline constexpr int first_realtime_signal = 34; // 32 and 33 belong to the C library
inline constexpr int last_signal = 64;

// "SIGKILL"; "SIGRTMIN+3" for the real-time ones; "SIG99" for what is none.
[[nodiscard]] std::string signal_name(int number);

} // namespace nezuban
